"""What can be recognised of a piece so far, and what comes next, bar by bar: the heads of the tension model.

After one, two, four and eight bars: domain, collection, meter, key, and which fifth of valence and of arousal, each a
small head of ``recognition.py`` with one temperature, so that a chance of .7 is right in seven of ten cases (Guo et al.
2017). After each bar from the fourth on: the mixture of ``heads.py`` over the bar that comes one, two and four bars
later, and with it the chance that this bar is like one of the last eight, corrected by a logistic curve of its domain
(Platt 1999).

Both read the states of the piece model. They are fitted on training pieces, chosen and calibrated on validation ones;
the figures of the card are of test pieces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn import functional as F

from models.experiments.report import Metric, mean_over_songs, over_songs
from models.metrics.preference import binned_error
from models.music.keys import PITCH_NAMES
from models.music.notes import DOMAINS, Domain
from models.music.tokens import BAR, METERS, POSITION, TokenArray
from models.style.model import StyleModel
from models.style.pieces.model import PieceModel
from models.tension.curves import Horizon, Recognition
from models.tension.heads import (
    BACK,
    HORIZONS,
    STEPS,
    BarPredictor,
    Coming,
    Parts,
    Points,
    Scale,
    coming,
    domain_of,
    inputs_by,
    surprise,
)
from models.tension.reading import MARKS, UNTOLD, Read, latents_of, states_of, with_past
from models.tension.recognition import STEPS as TASK_STEPS
from models.tension.recognition import Examples, Labels, RecognitionHead, commonest, examples, recognition_loss, tasks
from models.tension.training import fitted

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]

FIFTHS = ("lowest", "low", "middle", "high", "highest")
# Root mean square distance of two bars' points, in standard deviations, up to which they are alike: about half of the
# bars of validation music are so near to one of the eight before them (dance: the same bar, as nearly as it is drawn)
LIKE = {"pop": 0.95, "dance": 0.15, "chorale": 0.5}
HIDDEN = 96
TEMPERATURES = np.geomspace(0.25, 8, 61)
BINS = 10  # of equally many chances
SHOWN = 3  # likeliest classes that are shown
DECIMALS = 3
TRUNK = "trunk"


@dataclass(frozen=True)
class Task:
    """A head that recognises one thing: what its classes are called, what it hears by, and how hot it is."""

    classes: tuple[str, ...]
    head: RecognitionHead
    mean: Floats32
    sd: Floats32
    temperature: float = 1.0

    @torch.inference_mode()
    def chances(self, marks: Floats32) -> Floats:
        """Of the classes after each of ``MARKS`` bars: from ``(pieces, 4, dim)`` to ``(pieces, 4, classes)``."""
        rows = self.rows(marks, [0] * len(marks))
        found = F.softmax(self.head(rows) / self.temperature, 1).double().numpy()
        return np.asarray(found.reshape(len(marks), len(MARKS), -1))

    def rows(self, marks: Floats32, labels: Sequence[int]) -> Examples:
        """As the head takes them."""
        return examples((marks - self.mean) / self.sd, labels)


@dataclass(frozen=True)
class Heads:
    """All heads; ``style`` encodes the bars that ``points`` places, and ``scale`` is what horizons hear by.

    ``curves``: by horizon and domain, slope and offset that correct the log odds of a return.
    """

    style: StyleModel
    tasks: Mapping[str, Task]
    horizons: Mapping[int, BarPredictor]
    points: Points
    scale: Scale
    curves: Mapping[int, Mapping[str, tuple[float, float]]]

    @torch.inference_mode()
    def recognised(self, model: PieceModel, tokens: TokenArray) -> tuple[Recognition, ...]:
        """What is recognised after each of ``MARKS`` bars of tokens, as far as there are so many."""
        edges = _edges(tokens)
        after = tuple(mark for mark in MARKS if mark < len(edges))
        if not after:
            return ()
        states = states_of(model, tokens[: edges[after[-1]]], UNTOLD)
        marks = np.stack([states[: edges[min(mark, after[-1])]].mean(0) for mark in MARKS])[None]
        found = []
        for name, task in self.tasks.items():
            chances = task.chances(marks)[0, : len(after)]
            likeliest = tuple(
                tuple((task.classes[each], round(float(row[each]), DECIMALS)) for each in np.argsort(-row)[:SHOWN])
                for row in chances
            )
            found.append(Recognition(name, after, likeliest))
        return tuple(found)

    @torch.inference_mode()
    def foreseen(self, model: PieceModel, tokens: TokenArray, domain: Domain) -> tuple[Horizon, ...]:
        """What comes after each bar of tokens, as music of ``domain``; nothing where there are too few bars."""
        edges = _edges(tokens)
        if len(edges) - 1 < 4:
            return ()
        bars = [tokens[begin:end] for begin, end in pairwise(edges)]
        latents, sounds = latents_of(self.style, bars)
        states = with_past(states_of(model, tokens, DOMAINS.index(domain)), edges)
        inputs = self.scale(np.concatenate([domain_of(domain, len(bars)), states], 1))
        points = self.points(latents)
        rows = Coming.unknown(inputs, points, sounds)
        return tuple(
            self._horizon(ahead, head, rows, domain, (points, sounds)) for ahead, head in self.horizons.items()
        )

    def returns(self, ahead: int, rows: Coming, domains: Sequence[str]) -> Floats:
        """The chance that the bar ``ahead`` is like one of the last that sound, in each row's domain ``(rows,)``."""
        pairs = [self.curves[ahead].get(domain, (1.0, 0.0)) for domain in domains]
        slope, offset = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
        return np.asarray(expit(slope * log_odds(self.horizons[ahead], rows, domains) + offset))

    def _horizon(
        self, ahead: int, head: BarPredictor, rows: Coming, domain: str, of: tuple[Floats32, npt.NDArray[np.bool_]]
    ) -> Horizon:
        """As ``Curves`` has it, ``of`` a piece whose bars have these points, and sound or not."""
        points, sounds = of
        first, bars = 3, len(sounds)
        domains = [domain] * (bars - first)
        chance, doubt = self.returns(ahead, rows, domains), head.uncertainty(rows).double().numpy()
        came = np.zeros_like(points)
        came[: max(0, bars - ahead)] = points[ahead:]
        known = replace(rows, came=torch.from_numpy(came[first:]))
        with torch.inference_mode():
            lag = head.mixture(rows)[0][:, -BACK:].numpy().argmax(1)
            nats = head.surprise(known).double().numpy()
        there = [bool(bar + ahead < bars and sounds[bar + ahead]) for bar in range(first, bars)]
        alike = returned(known, domains)
        empty: tuple[None, ...] = (None,) * first
        return Horizon(
            ahead,
            (*empty, *(round(float(each), DECIMALS) for each in chance)),
            (*empty, *(first + row - int(each) for row, each in enumerate(lag))),
            (*empty, *(round(float(each), DECIMALS) for each in doubt)),
            (*empty, *(round(float(each), DECIMALS) if own else None for each, own in zip(nats, there, strict=True))),
            (*empty, *(bool(each) if own else None for each, own in zip(alike, there, strict=True))),
        )

    def arrays(self) -> dict[str, Tensor]:
        """All weights by name, float16."""
        found: dict[str, Any] = {
            "points.mean": self.points.mean, "points.axes": self.points.axes,
            "scale.mean": self.scale.mean, "scale.sd": self.scale.sd,
        }  # fmt: skip
        for name, task in self.tasks.items():
            found |= {f"tasks.{name}.mean": task.mean, f"tasks.{name}.sd": task.sd}
            found |= {f"tasks.{name}.head.{key}": value for key, value in task.head.state_dict().items()}
        for ahead, head in self.horizons.items():
            found |= {f"horizons.{ahead}.{key}": value for key, value in head.state_dict().items()}
        return {name: torch.as_tensor(value).half().contiguous() for name, value in found.items()}

    def about(self) -> dict[str, Any]:
        """What the card says, so that ``of`` can make them again."""
        tasks_about = {
            name: {"classes": list(task.classes), "temperature": task.temperature} for name, task in self.tasks.items()
        }
        curves = {str(ahead): dict(own) for ahead, own in self.curves.items()}
        return {"tasks": tasks_about, "horizons": curves, "explained": round(self.points.explained, 4)}

    @classmethod
    def of(cls, style: StyleModel, arrays: Mapping[str, Tensor], about: Mapping[str, Any]) -> Heads:
        """From what ``arrays`` and ``about`` say; raises ``KeyError`` or ``RuntimeError`` for something else."""
        full = {name: value.float() for name, value in arrays.items()}

        def own(part: str) -> dict[str, Tensor]:
            return {name.removeprefix(part): value for name, value in full.items() if name.startswith(part)}

        known = {}
        for name, task in about["tasks"].items():
            mean, sd = (full[f"tasks.{name}.{each}"].numpy() for each in ("mean", "sd"))
            head = RecognitionHead(len(mean) + len(MARKS), len(task["classes"]))
            head.load_state_dict(own(f"tasks.{name}.head."), strict=True)
            known[name] = Task(tuple(task["classes"]), head.eval(), mean, sd, float(task["temperature"]))
        scale = Scale(full["scale.mean"].numpy(), full["scale.sd"].numpy())
        horizons, curves = {}, {}
        for each, corrected in about["horizons"].items():
            ahead = int(each)
            curves[ahead] = {domain: (float(slope), float(offset)) for domain, (slope, offset) in corrected.items()}
            horizons[ahead] = BarPredictor(len(scale.mean), HIDDEN)
            horizons[ahead].load_state_dict(own(f"horizons.{ahead}."), strict=True)
            horizons[ahead].eval()
        points = Points(full["points.mean"].numpy(), full["points.axes"].numpy(), float(about["explained"]))
        return cls(style, known, horizons, points, scale, curves)


def fit(style: StyleModel, parts: Parts, *, seed: int, steps: int = STEPS, task_steps: int = TASK_STEPS) -> Heads:
    """Fit all heads on the part "train", chosen and calibrated on "validation", as they will be loaded.

    What has fewer than two classes there is left out.
    """
    known = {name: _task(name, label, parts, seed, task_steps) for name, label in tasks(parts["train"]).items()}
    points = Points.of(np.concatenate([each.latents[each.sounds] for each in parts["train"]]))
    horizons, curves = {}, {}
    for ahead in HORIZONS:
        rows = coming(parts, TRUNK, points, ahead)
        horizons[ahead] = fitted(
            BarPredictor(rows["train"].states.shape[1], HIDDEN), surprise, rows["train"], rows["validation"],
            count=len(rows["train"].owner), steps=steps, seed=seed,
        )  # fmt: skip
        curves[ahead] = _curves(horizons[ahead], rows["validation"], parts["validation"])
    scale = Scale.of([inputs_by(TRUNK, piece) for piece in parts["train"]])
    whole = Heads(style, {name: task for name, task in known.items() if task}, horizons, points, scale, curves)
    return Heads.of(style, whole.arrays(), whole.about())


def _task(name: str, label: Labels, parts: Parts, seed: int, steps: int) -> Task | None:
    known = {part: [piece for piece in parts[part] if label(piece) is not None] for part in ("train", "validation")}
    values = sorted({label(piece) for piece in known["train"]}, key=str)
    if len(values) < 2 or not known["validation"]:
        return None
    place = {value: number for number, value in enumerate(values)}
    marks = {part: np.stack([piece.marks for piece in pieces]) for part, pieces in known.items()}
    torch.manual_seed(seed)  # of the weights that it begins with
    head = RecognitionHead(marks["train"].shape[-1] + len(MARKS), len(values))
    mean, sd = marks["train"].mean((0, 1)), marks["train"].std((0, 1)) + 1e-3
    task = Task(tuple(called(name, value) for value in values), head, mean, sd)
    rows = {
        part: task.rows(marks[part], [place.get(label(piece), -1) for piece in pieces])
        for part, pieces in known.items()
    }
    fitted(
        head,
        recognition_loss,
        rows["train"],
        rows["validation"],
        count=len(rows["train"].label),
        steps=steps,
        seed=seed,
    )
    return replace(task, temperature=_temperature(head, rows["validation"]))


@torch.inference_mode()
def _temperature(head: RecognitionHead, rows: Examples) -> float:
    """With which the known classes of ``rows`` are likeliest."""
    there = rows.label >= 0
    logits, label = head(rows)[there], rows.label[there]
    costs = [float(F.cross_entropy(logits / float(each), label)) for each in TEMPERATURES]
    return round(float(TEMPERATURES[int(np.argmin(costs))]), DECIMALS)


def called(task: str, value: str | int | None) -> str:
    """The name of a class as people say it."""
    if task == "meter":
        return "{}/{}".format(*METERS[int(value or 0)])
    if task == "key":
        minor, tonic = divmod(int(value or 0), 12)
        return f"{PITCH_NAMES[tonic]} {'minor' if minor else 'major'}"
    return FIFTHS[int(value or 0)] if task in {"valence", "arousal"} else str(value)


def _edges(tokens: TokenArray) -> list[int]:
    return [*np.flatnonzero(tokens[:, POSITION] == BAR).tolist(), len(tokens)]


def log_odds(head: BarPredictor, rows: Coming, domains: Sequence[str]) -> Floats:
    """That the coming bar is like one of the last ``BACK`` that sound, by points that may come, uncorrected."""
    drawn = head.drawn(rows)
    near = (drawn[:, :, None] - rows.back[:, None]).square().mean(-1).sqrt() < _like(domains)[:, None, None]
    share = (near & rows.there[:, None]).any(-1).double().mean(1)
    least = 0.5 / drawn.shape[1]
    return np.asarray(torch.logit(share, eps=least).numpy())


def returned(rows: Coming, domains: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Whether the bar that came is like one of them ``(rows,)``."""
    near = (rows.came[:, None] - rows.back).square().mean(-1).sqrt() < _like(domains)[:, None]
    found: npt.NDArray[np.bool_] = (near & rows.there).any(-1).numpy()
    return found


def _like(domains: Sequence[str]) -> Tensor:
    return torch.tensor([LIKE[domain] for domain in domains])


def _domains(rows: Coming, pieces: Sequence[Read]) -> list[str]:
    return [pieces[piece].domain for piece in rows.owner]


def _curves(head: BarPredictor, rows: Coming, pieces: Sequence[Read]) -> dict[str, tuple[float, float]]:
    """Slope and offset by domain; those where one outcome alone came are left out."""
    domains = _domains(rows, pieces)
    odds, came, own = log_odds(head, rows, domains), returned(rows, domains), np.array(domains)
    found: dict[str, tuple[float, float]] = {}
    for domain in DOMAINS:
        kept = own == domain
        if len(set(came[kept].tolist())) == 2:
            curve = LogisticRegression(C=1e4).fit(odds[kept, None], came[kept])
            found[domain] = (round(float(curve.coef_[0, 0]), 4), round(float(curve.intercept_[0]), 4))
    return found


def figures(heads: Heads, parts: Parts, *, seed: int) -> dict[str, Any]:
    """What the card says of the heads on the part "test": accuracies, nats and calibration, with 95 % intervals."""
    labels, found = tasks(parts["train"]), dict[str, Any]()
    for name, task in heads.tasks.items():
        pieces = [piece for piece in parts["test"] if labels[name](piece) is not None]
        if pieces:
            found[name] = _task_figures(name, task, labels[name], pieces, parts["train"], seed=seed)
    points = heads.points
    for ahead in heads.horizons:
        test = parts["test"]
        inputs = [heads.scale(inputs_by(TRUNK, piece)) for piece in test]
        rows = Coming.of(inputs, [points(piece.latents) for piece in test], [piece.sounds for piece in test], ahead)
        if len(rows.owner):
            found[f"in_{ahead}"] = _horizon_figures(heads, ahead, rows, test, seed=seed)
    return found


def _task_figures(
    name: str, task: Task, label: Labels, pieces: Sequence[Read], train: Sequence[Read], *, seed: int
) -> dict[str, Any]:
    chances = task.chances(np.stack([piece.marks for piece in pieces]))
    said = np.array(task.classes)[chances.argmax(2)]
    right = (said == np.array([called(name, label(piece)) for piece in pieces])[:, None]).astype(float)
    songs = [f"{piece.domain} {piece.song}" for piece in pieces]
    known = [piece for piece in train if label(piece) is not None]
    common = commonest(known, label)
    majority = float(np.mean([common.get(piece.domain) == label(piece) for piece in pieces]))
    return {
        "accuracy": {str(mark): _with_interval(mean_over_songs(songs, right[:, at])) for at, mark in enumerate(MARKS)},
        "majority": round(majority, DECIMALS), "pieces": len(pieces),
        **_calibration(np.repeat(songs, len(MARKS)).tolist(), chances.max(2).ravel(), right.ravel(), seed),
    }  # fmt: skip


def _horizon_figures(heads: Heads, ahead: int, rows: Coming, pieces: Sequence[Read], *, seed: int) -> dict[str, Any]:
    songs = [f"{pieces[piece].domain} {pieces[piece].song}" for piece in rows.owner]
    head, own = heads.horizons[ahead], _domains(rows, pieces)
    with torch.inference_mode():
        nats = head.surprise(rows).double().numpy()
    doubt, came = head.uncertainty(rows).double().numpy(), returned(rows, own).astype(float)
    chance, domains = heads.returns(ahead, rows, own), np.array(own)
    by_domain = {
        domain: {
            "nats": round(float(nats[domains == domain].mean()), DECIMALS),
            "expected_nats": round(float(doubt[domains == domain].mean()), DECIMALS),
            "returned": round(float(came[domains == domain].mean()), DECIMALS),
            "expected_returns": round(float(chance[domains == domain].mean()), DECIMALS),
        }
        for domain in DOMAINS
        if (domains == domain).any()
    }
    return {
        "nats": _with_interval(mean_over_songs(songs, nats)),
        "expected_nats": _with_interval(mean_over_songs(songs, doubt)),
        "returned": _with_interval(mean_over_songs(songs, came)), "bars": len(nats), "by_domain": by_domain,
        **_calibration(songs, chance, came, seed),
    }  # fmt: skip


def _calibration(songs: Sequence[str], chance: Floats, right: Floats, seed: int) -> dict[str, Any]:
    """The expected calibration error, and by bin the mean chance and how often it was right."""

    def error(rows: npt.NDArray[np.int64]) -> float:
        return binned_error(chance[rows], right[rows], bins=BINS)

    order = np.array_split(np.argsort(chance, kind="stable"), BINS)
    bins = [[round(float(each[own].mean()), DECIMALS) for each in (chance, right)] for own in order if len(own)]
    return {"calibration_error": _with_interval(over_songs(songs, error, seed=seed)), "bins": bins}


def _with_interval(metric: Metric) -> list[float | None]:
    """Value and interval."""
    return [None if each is None else round(each, DECIMALS) for each in (metric.value, metric.low, metric.high)]
