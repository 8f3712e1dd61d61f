"""How sure a figure over pairs is: listeners and clips are drawn again, together or alone."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from models.experiments.report import Metric
from models.metrics.intervals import NORMAL_95
from models.taste.evaluation.study import Pairs

FloatArray = npt.NDArray[np.float64]

DRAWS = 1000


def accuracy_of(wins: npt.ArrayLike, won: npt.ArrayLike) -> FloatArray:
    """Right, wrong or half right ``(pairs,)`` from P(left) and whether left won."""
    lean = np.sign(np.asarray(wins, dtype=np.float64) - 0.5)
    return np.asarray((lean * np.where(np.asarray(won, dtype=np.bool_), 1, -1) + 1) / 2, dtype=np.float64)


class Resampling:
    """Bootstrap of means over pairs: listeners and clips are drawn, a pair weighs the product of its three counts."""

    def __init__(self, pairs: Pairs, *, seed: int, listeners: bool = True, clips: bool = True) -> None:
        key = np.stack([pairs.listener, pairs.left, pairs.right], axis=1)
        self.unique, owner = np.unique(key, axis=0, return_inverse=True)
        self.owner, self.count = owner.ravel(), np.bincount(owner.ravel())
        who, what = np.unique(self.unique[:, 0]), np.unique(self.unique[:, 1:])
        generator = np.random.default_rng(seed)
        at = np.searchsorted(who, self.unique[:, 0])
        left, right = np.searchsorted(what, self.unique[:, 1]), np.searchsorted(what, self.unique[:, 2])
        self.weights = np.ones((DRAWS, len(self.unique)))
        for draw in range(DRAWS):
            if listeners:
                self.weights[draw] *= _counts(generator, len(who))[at]
            if clips:
                drawn = _counts(generator, len(what))
                self.weights[draw] *= drawn[left] * drawn[right]

    def means(self, values: FloatArray) -> FloatArray:
        """Mean of ``values`` ``(pairs,)`` in each draw, ``(DRAWS,)``; NaN where nothing was drawn."""
        total = np.bincount(self.owner, values)
        with np.errstate(invalid="ignore", divide="ignore"):
            found: FloatArray = (self.weights @ total) / (self.weights @ self.count)
        return found

    def metric(self, values: FloatArray, *, baseline: float | None = None, chance: float | None = None) -> Metric:
        """The mean with its 95 % interval; ``n`` counts each pair of a listener once, however often it was asked."""
        if len(values) == 0:
            return Metric(None, baseline=baseline, chance=chance)
        draws = self.means(values)
        low, high = np.nanquantile(draws, [0.025, 0.975])
        return Metric(float(values.mean()), float(low), float(high), len(self.unique), baseline, chance)


def two_way(over_listeners: Resampling, over_clips: Resampling, values: FloatArray) -> Metric:
    """Mean of ``values`` ``(pairs,)`` with a normal interval, clustered by listener and by clip."""
    total, mean = np.bincount(over_clips.owner, values), float(values.mean())
    alone = float(((total - mean * over_clips.count) ** 2).sum()) / len(values) ** 2
    apart = [float(np.nanvar(draws.means(values))) for draws in (over_listeners, over_clips)]
    half = NORMAL_95 * math.sqrt(max(sum(apart) - alone, *apart))
    return Metric(mean, mean - half, mean + half, len(over_clips.unique))


def _counts(generator: np.random.Generator, many: int) -> FloatArray:
    return np.bincount(generator.integers(many, size=many), minlength=many).astype(np.float64)
