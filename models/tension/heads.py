"""Heads on the piece model's states beside the same heads on plain statistics: what the shared trunk is worth.

``tension.horizon.*``: nats of the bar that comes one, two and four bars on, beside its domain's marginal, the bar
before, four bars before, and any of the last eight; how uncertain the head was of it (``uncertainty``, in nats), and
how well that foretells its surprise (``foretold``, a rank correlation of bars within their domain).
``tension.recognised.*``: what is recognised of what was heard, also by a network of the task's own.
``tension.own_bars.*``: the log chance that a piece's own bar is found. All are fitted here, heads in equally many
steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import rankdata
from torch import Tensor

from models.experiments.report import Report, mean_over_songs, over_songs
from models.music.notes import DOMAINS
from models.tension.fitting import fitted
from models.tension.horizons import BACK, HORIZONS, BarPredictor, Coming, Points
from models.tension.past import OTHERS, Bars, Others, recognised
from models.tension.reading import MARKS, Read
from models.tension.recognition import by_profile, recognise, tasks
from models.tension.training import PRESETS, train

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
Parts = Mapping[str, Sequence[Read]]

STEPS = 800
MARGINAL = "marginal"


def compare(report: Report, parts: Parts) -> None:
    """Add ``tension.horizon.*``, ``tension.recognised.*``, ``tension.own_bars.*`` of the parts' "test" pieces."""
    horizons(report, parts)
    recognitions(report, parts)
    own_bars(report, parts)


def horizons(report: Report, parts: Parts, *, steps: int = STEPS) -> None:
    """Nats of the coming bar by what is heard; the baseline of each is the marginal, over domains and by domain."""
    points = Points.of(np.concatenate([each.latents[each.sounds] for each in parts["train"]]))
    for ahead in HORIZONS:
        found: dict[str, Floats] = {}
        doubt: dict[str, Floats] = {}
        whose: list[str] = []
        domains = np.zeros(0, dtype=str)
        for name, (hidden, lags) in ways(ahead).items():
            rows = coming(parts, name, points, ahead)
            head = BarPredictor(rows["train"].heard.shape[1], hidden, lags)
            head = fitted(
                head, surprise, rows["train"], rows["validation"], count=len(rows["train"].owner), steps=steps,
                seed=report.seed, learning_rate=2e-3 if hidden else 2e-2,
            )  # fmt: skip
            with torch.inference_mode():
                found[name] = head.surprise(rows["test"]).double().numpy()
            if hidden:
                doubt[name] = head.uncertainty(rows["test"]).double().numpy()
            owner = rows["test"].owner
            whose = [f"{parts['test'][piece].domain} {parts['test'][piece].song}" for piece in owner]
            domains = np.array([parts["test"][piece].domain for piece in owner])
        ranks = {name: (_ranks(values, domains), _ranks(found[name], domains)) for name, values in doubt.items()}
        for place, kept in _places(domains):
            songs = [whose[row] for row in kept]
            for name, (doubtful, surprising) in ranks.items():
                key = f"tension.horizon.{ahead}{place}.{name}"
                report.add(f"{key}.uncertainty", mean_over_songs(songs, doubt[name][kept]))
                together = partial(_correlation, doubtful[kept], surprising[kept])
                report.add(f"{key}.foretold", over_songs(songs, together, seed=report.seed, chance=0.0))
            base: float | None = None
            for name, values in found.items():
                metric = mean_over_songs(songs, values[kept], baseline=base)
                report.add(f"tension.horizon.{ahead}{place}.{name}.nats", metric)
                base = metric.value if name == MARGINAL else base
            less = (found["trunk"] - found["statistics"])[kept]
            report.add(
                f"tension.horizon.{ahead}{place}.trunk_less_statistics", mean_over_songs(songs, less, chance=0.0)
            )


def ways(ahead: int) -> dict[str, tuple[int, Sequence[int]]]:
    """Hidden units and the bars that may come again, by name: baselines, then heads."""
    return {
        MARGINAL: (0, ()),
        "bar_before": (0, (0,)),
        "four_before": (0, (4 - ahead,)),
        "any_before": (0, range(BACK)),
        "statistics": (96, range(BACK)),
        "trunk": (96, range(BACK)),
    }


def coming(parts: Parts, way: str, points: Points, ahead: int) -> dict[str, Coming]:
    """The rows of each part as one of ``ways`` hears them: always the domain, and states or statistics."""
    heard = {part: [_heard(piece, way) for piece in pieces] for part, pieces in parts.items()}
    every = np.concatenate(heard["train"])
    told = len(DOMAINS)
    mean, sd = every.mean(0), every.std(0) + 1e-3
    mean[:told], sd[:told] = 0, 1
    return {
        part: Coming.of(
            [((each - mean) / sd).astype(np.float32) for each in heard[part]],
            [points(piece.latents) for piece in pieces], [piece.sounds for piece in pieces], ahead,
        )
        for part, pieces in parts.items()
    }  # fmt: skip


def _heard(piece: Read, way: str) -> Floats32:
    domain = np.tile(np.eye(len(DOMAINS), dtype=np.float32)[DOMAINS.index(piece.domain)], (len(piece.sounds), 1))
    more = {"trunk": [piece.states], "statistics": [piece.plain]}.get(way, [])
    return np.concatenate([domain, *more], axis=1)


def surprise(head: BarPredictor, rows: Coming) -> Tensor:
    """What a fit makes least, ``(rows,)``."""
    return head.surprise(rows)


def recognitions(report: Report, parts: Parts) -> None:
    """Accuracy of each task after so many bars; the baseline is the commonest class of the domain."""
    for task, label in tasks(parts["train"]).items():
        found = recognise(label, parts, seed=report.seed)
        if found is None:
            continue
        right = dict(found.right)
        if task == "key":
            right["profile"] = by_profile(parts["test"])
        for column, bars in enumerate(MARKS):
            for name, values in right.items():
                metric = mean_over_songs(
                    found.songs, values[:, column], baseline=float(found.majority.mean()), chance=1 / found.classes
                )
                report.add(f"tension.recognised.{task}.{bars}.{name}.accuracy", metric)


def own_bars(report: Report, parts: Parts) -> None:
    """The mean log chance of a piece's own bar, from states and from statistics, in equally many steps."""
    chance = -float(np.log(1 + OTHERS))
    every: dict[str, dict[str, tuple[list[str], Floats]]] = {}
    for name in ("trunk", "statistics"):
        bars = {part: _joined(pieces, name) for part, pieces in parts.items()}
        inputs = next(iter(bars["train"].values())).own.shape[1]
        recogniser, _ = train(bars["train"], bars["validation"], PRESETS["cpu"], inputs=inputs, seed=report.seed)
        for domain, own in bars["test"].items():
            values = recognised(recogniser, own, Others.of(recogniser, own), same=True)
            kept = np.flatnonzero(np.isfinite(values))
            every.setdefault(domain, {})[name] = ([str(own.piece[row]) for row in kept], values[kept])
    for domain, found in every.items():
        for name, (songs, values) in found.items():
            report.add(f"tension.own_bars.{domain}.{name}.nats", mean_over_songs(songs, values, chance=chance))


def _joined(pieces: Sequence[Read], name: str) -> dict[str, Bars]:
    found: dict[str, Bars] = {}
    for domain in DOMAINS:
        own = [each.own if name == "trunk" else each.own_plain for each in pieces if each.domain == domain]
        if own:
            found[domain] = Bars.joined(own)
    return found


def _places(domains: npt.NDArray[np.str_]) -> list[tuple[str, IntArray]]:
    there = [each for each in DOMAINS if (domains == each).any()]
    return [("", np.arange(len(domains))), *((f".{each}", np.flatnonzero(domains == each)) for each in there)]


def _ranks(values: Floats, domains: npt.NDArray[np.str_]) -> Floats:
    """The rank of each value among those of its domain, 0 to 1."""
    found = np.zeros(len(values))
    for domain in np.unique(domains):
        own = domains == domain
        found[own] = rankdata(values[own]) / own.sum()
    return found


def _correlation(one: Floats, other: Floats, rows: IntArray) -> float:
    """Pearson's; not a number where one of them is always the same."""
    a, b = one[rows] - one[rows].mean(), other[rows] - other[rows].mean()
    spread = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / spread if spread > 0 else float("nan")
