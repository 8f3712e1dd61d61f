"""Outcomes as intervals of a noisy utility: ratings between thresholds, votes beyond or within a zone of ties.

With ``f`` the utility (of a rating: of the clip; of a vote: of left minus right) and unit normal noise, an outcome is
``low < f + noise <= high`` (ordered probit: McKelvey & Zavoina 1975; its use for preferences: Chu & Ghahramani 2005).
The log-likelihood is concave in ``f``, so Newton's method finds the mode and its curvature is the Laplace precision.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr, ndtr, ndtri

FloatArray = npt.NDArray[np.float64]

FAR = 30.0  # stands for infinity
MOST_LEVELS = 10


@dataclass(frozen=True)
class Sites:
    """At ``f`` ``(...)``: log-likelihood, its slope and its curvature (>= 0), each ``(...)``."""

    log_likelihood: FloatArray
    slope: FloatArray
    curvature: FloatArray


def sites(f: FloatArray, low: FloatArray, high: FloatArray) -> Sites:
    """Likelihood of the outcomes ``low < f + noise <= high`` (shapes broadcast)."""
    a, b = np.clip(low - f, -FAR, FAR), np.clip(high - f, -FAR, FAR)
    # On the right of 0 the upper tail is exact where differences of the lower one are rounding.
    swap = a > 0
    left, right = np.where(swap, -b, a), np.where(swap, -a, b)
    top, bottom = log_ndtr(right), log_ndtr(left)
    log_p = np.asarray(top + np.log1p(-np.exp(np.minimum(bottom - top, -1e-12))), dtype=np.float64)
    density_a = np.exp(-(a**2) / 2 - log_p) / np.sqrt(2 * np.pi)
    density_b = np.exp(-(b**2) / 2 - log_p) / np.sqrt(2 * np.pi)
    slope = density_a - density_b
    curvature = slope**2 + np.where(b < FAR, b * density_b, 0.0) - np.where(a > -FAR, a * density_a, 0.0)
    return Sites(log_p, slope, np.maximum(curvature, 1e-6))


def levels_of(values: npt.ArrayLike) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Ordered levels ``(n,)`` of ratings ``(n,)`` and the normal quantiles between them ``(levels - 1,)``.

    At most ``MOST_LEVELS``: finer scales are put together by quantiles. Thresholds are these times the SD of utility
    plus noise.
    """
    ratings = np.asarray(values, dtype=np.float64)
    known = np.unique(ratings)
    if len(known) > MOST_LEVELS:
        known = np.unique(np.quantile(ratings, np.linspace(0, 1, MOST_LEVELS + 1))[:-1])
    level = np.searchsorted(known, ratings, side="right") - 1
    below = np.cumsum(np.bincount(level, minlength=len(known)))[:-1]
    return level, np.asarray(ndtri((below + 0.5) / (len(ratings) + 1)), dtype=np.float64)


def win_probability(mean: FloatArray, variance: FloatArray, zone: float) -> FloatArray:
    """P(left is put above right), given that they are told apart ``(...)``.

    ``mean`` and ``variance`` are those of the difference of the two noisy utilities, ``zone`` the difference up to
    which they are called equal.
    """
    sd = np.sqrt(variance)
    left, right = ndtr((mean - zone) / sd), ndtr((-mean - zone) / sd)
    return np.asarray(left / np.maximum(left + right, 1e-12), dtype=np.float64)
