"""How well ratings order tracks: Spearman's correlation and the share of pairs, inside folds, with intervals.

Tracks are compared within a fold only, where all were rated by one and the same model: across folds a mean that is
lower where good tracks are held out would put every pair the wrong way round. Intervals: bootstrap over tracks, where
a pair weighs the product of how often its two tracks were drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from models.experiments.report import Metric

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
DRAWS = 1000


@dataclass(frozen=True)
class Order:
    """True values and folds ``(tracks,)``: what an ordering is judged by."""

    p: Floats
    fold: Ints
    seed: int = 0

    def pairs(self) -> tuple[Ints, Ints]:
        """The better and the worse track of each pair within a fold whose p differs, ``(pairs,)`` each."""
        better, worse = np.nonzero((self.p[:, None] > self.p) & (self.fold[:, None] == self.fold))
        return better, worse

    def drawn(self) -> Floats:
        """How often each track is drawn in each bootstrap sample, ``(DRAWS, tracks)``."""
        rng = np.random.default_rng([self.seed, 13])
        count = len(self.p)
        return np.array([np.bincount(rng.integers(count, size=count), minlength=count) for _ in range(DRAWS)], float)

    def pair_accuracy(self, rated: Floats, *, than: Floats | None = None) -> Metric:
        """Share of pairs in the right order, half for a tie; ``than``: how much more than those ratings, paired."""
        better, worse = self.pairs()
        if len(better) == 0:
            return Metric(None)
        hits = _hits(rated, better, worse)
        if than is not None:
            hits = hits - _hits(than, better, worse)
        drawn = self.drawn()
        means = []
        for counts in drawn:
            weight = counts[better] * counts[worse]
            means.append(float((weight * hits).sum() / max(weight.sum(), 1.0)))
        low, high = np.quantile(means, [0.025, 0.975])
        chance = 0.5 if than is None else 0.0
        return Metric(float(hits.mean()), float(low), float(high), len(self.p), chance=chance)

    def spearman(self, rated: Floats) -> Metric:
        """Mean over folds of the rank correlation, weighted by tracks; 0 where all are rated the same."""
        if len(self.p) < 3:
            return Metric(None)
        rng = np.random.default_rng([self.seed, 13])
        members = [np.flatnonzero(self.fold == fold) for fold in np.unique(self.fold)]
        draws = []
        for _ in range(DRAWS // 2):
            rows = [each[rng.integers(len(each), size=len(each))] for each in members]
            draws.append(self._mean(rated, rows))
        low, high = np.quantile(draws, [0.025, 0.975])
        return Metric(self._mean(rated, members), float(low), float(high), len(self.p), chance=0.0)

    def _mean(self, rated: Floats, members: list[Ints]) -> float:
        found = [_spearman(self.p[rows], rated[rows]) for rows in members]
        return float(np.average(found, weights=[len(rows) for rows in members]))


def _hits(rated: Floats, better: Ints, worse: Ints) -> Floats:
    return (np.sign(rated[better] - rated[worse]) + 1) / 2


def _spearman(a: Floats, b: Floats) -> float:
    x, y = rankdata(a), rankdata(b)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])
