"""Figures with their 95 % intervals: shares (Wilson 1927) and means (percentile bootstrap)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
NORMAL_95 = 1.959963984540054
DRAWS = 2000
FEW = 8  # people, songs or votes: drawing fewer again finds too narrow an interval


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % interval from ``n`` observations; ``value`` is nan where there are none."""

    value: float
    low: float
    high: float
    n: int


def wilson(right: float, n: int) -> Figure:
    """A share and its 95 % Wilson score interval (Wilson 1927); ``right`` may hold halves. 0 of 0 gives (nan, 0, 1)."""
    if n == 0:
        return Figure(math.nan, 0.0, 1.0, 0)
    share, z2 = right / n, NORMAL_95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = NORMAL_95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return Figure(share, max(centre - half, 0.0), min(centre + half, 1.0), n)


def bootstrap(values: npt.ArrayLike) -> Figure:
    """Mean of ``values`` ``(n,)`` and its 95 % percentile bootstrap interval; values are what is resampled."""
    data = np.asarray(values, dtype=np.float64)
    if len(data) == 0:
        return Figure(math.nan, math.nan, math.nan, 0)
    generator = np.random.default_rng(0)
    means = np.array([data[generator.integers(len(data), size=len(data))].mean() for _ in range(DRAWS)])
    low, high = np.quantile(means, [0.025, 0.975])
    return Figure(float(data.mean()), float(low), float(high), len(data))


def paired_ratio(ours: FloatArray, others: FloatArray) -> Figure:
    """Mean of ours over mean of the others' ``(n,)``, both of the same people, who are what is resampled."""
    drawn = np.random.default_rng(0).integers(len(ours), size=(DRAWS, len(ours)))
    low, high = np.quantile(ours[drawn].mean(axis=1) / others[drawn].mean(axis=1), [0.025, 0.975])
    return Figure(float(ours.mean() / others.mean()), float(low), float(high), len(ours))


def finite_mean(values: npt.ArrayLike) -> float:
    """Mean of the finite ``values``; not a number where there is none."""
    data = np.asarray(values, dtype=np.float64)
    chosen = data[np.isfinite(data)]
    return float(chosen.mean()) if len(chosen) else math.nan
