"""Heads on the piece model's states beside the same heads on plain statistics: what the shared trunk is worth.

``tension.horizon.*``: nats of the bar that comes one, two and four bars on, beside its domain's marginal, the bar
before, four bars before, and any of the last eight; how uncertain the head was of it (``uncertainty``, in nats), and
how well that foretells its surprise (``foretold``, a rank correlation of bars within their domain).
``tension.recognised.*``: what is recognised of the bars so far, also by a network of the task's own.
``tension.own_bars.*``: the log chance that a piece's own bar is found. All are fitted here, heads in equally many
steps.

What comes is a mixture over the coming bar's latents. Each bar is a point: its latents in the style model, on their
first principal components. The coming bar is one that came before, give or take a Gaussian, or is drawn from
Gaussians of its own; a gate says which, from the states so far (mixture density networks: Bishop 1994; with pointers:
Merity et al. 2017). Surprise is its negative log density, in nats. A bar that comes back is a point of no width, so no
Gaussian is narrower than ``NARROWEST``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn import functional as F

from models.experiments.report import Report, mean_over_songs, over_songs
from models.music.notes import DOMAINS
from models.tension.past import OTHERS, Bars, Others, recognised
from models.tension.reading import MARKS, Read
from models.tension.recognition import by_profile, recognise, tasks
from models.tension.training import PRESETS, fitted, train

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

HORIZONS = (1, 2, 4)  # bars ahead
COMPONENTS = 16  # principal components of a bar's latents
BACK = 8  # bars that may come again: the last one, and those before it
FREE = 4  # Gaussians of bars that are new
NARROWEST = 0.1  # standard deviations of a component

Parts = Mapping[str, Sequence[Read]]
STEPS = 800
MARGINAL = "marginal"


@dataclass(frozen=True)
class Points:
    """How latents ``(latent,)`` become points: less ``mean``, times ``axes`` ``(latent, COMPONENTS)``."""

    mean: Floats32
    axes: Floats32
    explained: float

    @classmethod
    def of(cls, latents: Floats32) -> Points:
        """The principal components of latents ``(bars, latent)``, each scaled to variance 1."""
        mean: Floats32 = np.asarray(latents.mean(0), dtype=np.float32)
        _, sizes, axes = np.linalg.svd((latents - mean).astype(np.float64), full_matrices=False)
        spread = np.maximum(sizes[:COMPONENTS] / math.sqrt(len(latents)), 1e-3)
        explained = float((sizes[:COMPONENTS] ** 2).sum() / max((sizes**2).sum(), 1e-12))
        return cls(mean, (axes[:COMPONENTS].T / spread).astype(np.float32), explained)

    def __call__(self, latents: Floats32) -> Floats32:
        """Points ``(bars, COMPONENTS)``."""
        found: Floats32 = np.asarray((latents - self.mean) @ self.axes, dtype=np.float32)
        return found


@dataclass(frozen=True)
class Coming:
    """Rows to predict: ``states`` ``(rows, inputs)``, the ``back`` last bars ``(rows, BACK, COMPONENTS)``,
    whether each was ``there`` ``(rows, BACK)``, the bar that ``came`` ``(rows, COMPONENTS)``, and the piece's number.
    """

    states: Tensor
    back: Tensor
    there: Tensor
    came: Tensor
    owner: IntArray

    def some(self, rows: IntArray) -> Coming:
        """Those of the given rows."""
        at = torch.from_numpy(rows)
        return Coming(self.states[at], self.back[at], self.there[at], self.came[at], self.owner[rows])

    @classmethod
    def of(
        cls, states: Sequence[Floats32], points: Sequence[Floats32], sounds: Sequence[npt.NDArray[np.bool_]], ahead: int
    ) -> Coming:
        """From pieces: the states up to each bar ``(bars, inputs)``, and its point and whether it sounds.

        From the fourth bar on, where a bar sounds ``ahead`` bars later.
        """
        rows = [
            (piece, bar) for piece, own in enumerate(sounds) for bar in range(3, len(own) - ahead) if own[bar + ahead]
        ]
        return cls._at(rows, states, points, sounds, [points[piece][bar + ahead] for piece, bar in rows])

    @classmethod
    def unknown(cls, states: Floats32, points: Floats32, sounds: npt.NDArray[np.bool_]) -> Coming:
        """From one piece, after each bar from the fourth on; what came is left at 0, since nobody knows it yet."""
        rows = [(0, bar) for bar in range(3, len(sounds))]
        return cls._at(rows, [states], [points], [sounds], [np.zeros(COMPONENTS)] * len(rows))

    @classmethod
    def _at(
        cls, rows: Sequence[tuple[int, int]], states: Sequence[Floats32], points: Sequence[Floats32],
        sounds: Sequence[npt.NDArray[np.bool_]], came: Sequence[npt.NDArray[Any]],
    ) -> Coming:  # fmt: skip
        back = np.zeros((len(rows), BACK, COMPONENTS), dtype=np.float32)
        there = np.zeros((len(rows), BACK), dtype=bool)
        for row, (piece, bar) in enumerate(rows):
            before = [bar - lag for lag in range(BACK) if bar >= lag]
            back[row, : len(before)], there[row, : len(before)] = points[piece][before], sounds[piece][before]
        return cls(
            torch.from_numpy(np.array([states[piece][bar] for piece, bar in rows], dtype=np.float32)),
            torch.from_numpy(back),
            torch.from_numpy(there),
            torch.from_numpy(np.array(came, dtype=np.float32).reshape(len(rows), COMPONENTS)),
            np.array([piece for piece, _ in rows], dtype=np.int64),
        )


class BarPredictor(nn.Module):
    """A mixture over the coming bar; ``lags``: which of the last bars may come again; no layer if ``hidden`` is 0."""

    def __init__(self, inputs: int, hidden: int = 96, lags: Sequence[int] = range(BACK), dropout: float = 0.2) -> None:
        super().__init__()
        self.lags = list(lags)
        width = hidden or inputs
        self.inner = (
            nn.Sequential(nn.Dropout(dropout), nn.Linear(inputs, hidden), nn.GELU(), nn.Dropout(dropout))
            if hidden
            else nn.Identity()
        )
        self.gate = nn.Linear(width, FREE + len(self.lags))
        self.middle, self.width = (nn.Linear(width, FREE * COMPONENTS) for _ in range(2))
        self.near = nn.Linear(width, COMPONENTS)
        nn.init.normal_(self.middle.bias)
        nn.init.constant_(self.near.bias, -1.0)

    def mixture(self, coming: Coming) -> tuple[Tensor, Tensor, Tensor]:
        """Log weights ``(rows, parts)``, means and log widths ``(rows, parts, COMPONENTS)``."""
        inner = self.inner(coming.states)
        rows = len(inner)
        mean, width = (layer(inner).view(rows, FREE, COMPONENTS) for layer in (self.middle, self.width))
        near = self.near(inner)[:, None].expand(-1, len(self.lags), -1)
        gate = self.gate(inner)
        absent = ~coming.there[:, self.lags]
        gate = torch.cat([gate[:, :FREE], gate[:, FREE:].masked_fill(absent, -1e9)], 1)
        widths = torch.cat([width, near], 1).clamp(math.log(NARROWEST), 2.0)
        return F.log_softmax(gate, 1), torch.cat([mean, coming.back[:, self.lags]], 1), widths

    def surprise(self, coming: Coming) -> Tensor:
        """Nats of the bar that came ``(rows,)``."""
        weight, mean, width = self.mixture(coming)
        return -_log_density(coming.came[:, None], weight, mean, width)[:, 0]

    @torch.inference_mode()
    def uncertainty(self, coming: Coming) -> Tensor:
        """The mixture's entropy, nats ``(rows,)``, over ``drawn`` points (Monte Carlo)."""
        return -_log_density(self.drawn(coming), *self.mixture(coming)).mean(1)

    @torch.inference_mode()
    def drawn(self, coming: Coming, draws: int = 64) -> Tensor:
        """Points that may come ``(rows, draws, COMPONENTS)``, by numbers that are the same for each row."""
        weight, mean, width = self.mixture(coming)
        generator = torch.Generator().manual_seed(0)
        share = (torch.arange(draws) + 0.5) / draws
        part = (weight.exp().cumsum(1)[:, None] < share[None, :, None]).sum(2).clamp(max=weight.shape[1] - 1)
        noise = torch.randn((1, draws, COMPONENTS), generator=generator)
        chosen = part[..., None].expand(-1, -1, COMPONENTS)
        found: Tensor = mean.gather(1, chosen) + noise * width.gather(1, chosen).exp()
        return found


def _log_density(at: Tensor, weight: Tensor, mean: Tensor, width: Tensor) -> Tensor:
    """Of points ``(rows, draws, COMPONENTS)``: ``(rows, draws)``."""
    far = (at[:, :, None] - mean[:, None]) / width.exp()[:, None]
    each = -0.5 * (far**2).sum(-1) - width.sum(-1)[:, None] - 0.5 * COMPONENTS * math.log(2 * math.pi)
    return torch.logsumexp(weight[:, None] + each, -1)


def compare(report: Report, parts: Parts) -> None:
    """Add ``tension.horizon.*``, ``tension.recognised.*``, ``tension.own_bars.*`` of the parts' "test" pieces."""
    horizons(report, parts)
    recognitions(report, parts)
    own_bars(report, parts)


def horizons(report: Report, parts: Parts, *, steps: int = STEPS) -> None:
    """Nats of the coming bar by the head's input; the baseline of each is the marginal, over domains and by domain."""
    points = Points.of(np.concatenate([each.latents[each.sounds] for each in parts["train"]]))
    for ahead in HORIZONS:
        found: dict[str, Floats] = {}
        doubt: dict[str, Floats] = {}
        whose: list[str] = []
        domains = np.zeros(0, dtype=str)
        for name, (hidden, lags) in ways(ahead).items():
            rows = coming(parts, name, points, ahead)
            head = BarPredictor(rows["train"].states.shape[1], hidden, lags)
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
    scale = Scale.of([inputs_by(way, piece) for piece in parts["train"]])
    return {
        part: Coming.of(
            [scale(inputs_by(way, piece)) for piece in pieces], [points(piece.latents) for piece in pieces],
            [piece.sounds for piece in pieces], ahead,
        )
        for part, pieces in parts.items()
    }  # fmt: skip


@dataclass(frozen=True)
class Scale:
    """``mean`` and ``sd`` ``(inputs,)`` that standardise inputs; the domain, which comes first, stays as it is."""

    mean: Floats32
    sd: Floats32

    @classmethod
    def of(cls, states: Sequence[Floats32]) -> Scale:
        """From the inputs of training pieces ``(bars, inputs)``."""
        every = np.concatenate(states)
        mean, sd = every.mean(0), every.std(0) + 1e-3
        mean[: len(DOMAINS)], sd[: len(DOMAINS)] = 0, 1
        return cls(mean.astype(np.float32), sd.astype(np.float32))

    def __call__(self, states: Floats32) -> Floats32:
        """The same, standardised."""
        found: Floats32 = ((states - self.mean) / self.sd).astype(np.float32)
        return found


def inputs_by(way: str, piece: Read) -> Floats32:
    """The input that one of ``ways`` takes from a piece ``(bars, inputs)``."""
    more = {"trunk": [piece.states], "statistics": [piece.plain]}.get(way, [])
    return np.concatenate([domain_of(piece.domain, len(piece.sounds)), *more], axis=1)


def domain_of(domain: str, bars: int) -> Floats32:
    """One of so many columns is 1 ``(bars, domains)``."""
    return np.tile(np.eye(len(DOMAINS), dtype=np.float32)[DOMAINS.index(domain)], (bars, 1))


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
