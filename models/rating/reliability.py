"""How well listeners agree with other listeners on p, and what that leaves to be predicted.

Split-half reliability with the Spearman-Brown correction (Brown 1910); the ceiling of a correlation with p is the root
of p's reliability (Spearman 1904), and that of a share of pairs follows for normal variables (Greiner 1909).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from .plays import Counts, target

SPLITS = 100


@dataclass(frozen=True)
class Reliability:
    """``half``: mean Spearman of p between two halves of the listenings; ``whole``: of p with p of as many others.

    ``spearman`` and ``pairs``: what a rating that knows p without noise would reach.
    """

    half: float
    whole: float
    spearman: float
    pairs: float


def reliability(played: Counts, liked: Counts, *, seed: int = 0, splits: int = SPLITS) -> Reliability:
    """Each track's listenings in two random halves, ``splits`` times.

    Which listenings were likes is all that is known of them, so drawing a half is drawing from an urn.
    """
    rng = np.random.default_rng(seed)
    at = played >= 2
    n, k = played[at], liked[at]
    found = []
    for _ in range(splits if len(n) > 2 else 0):
        size = n // 2 + rng.integers(0, 2, len(n)) * (n % 2)
        one = rng.hypergeometric(k, n - k, size)
        a, b = target(size, one), target(n - size, k - one)
        if np.ptp(a) > 0 and np.ptp(b) > 0:
            found.append(float(spearmanr(a, b).statistic))
    half = float(np.mean(found)) if found else math.nan
    whole = 2 * half / (1 + half) if half > 0 else half * 0  # halves that disagree say nothing; NaN stays
    ceiling = math.sqrt(whole)
    return Reliability(half, whole, ceiling, pairs_of(ceiling))


def pairs_of(correlation: float) -> float:
    """The share of pairs in the right order that belongs to a correlation of normal variables."""
    return 0.5 + math.asin(min(max(correlation, -1.0), 1.0)) / math.pi if math.isfinite(correlation) else math.nan


def equal_exposure(played: Counts, liked: Counts) -> npt.NDArray[np.float64]:
    """p as it would be had every track been played equally often, with shares drawn towards the mean by their noise.

    How often a track was played can't be heard, yet log(liked) grows with it. The prior of the shares is a beta
    distribution fitted by moments (empirical Bayes: Efron & Morris 1975).
    """
    n, k = played.astype(np.float64), liked.astype(np.float64)
    share = k / n
    mean = float(k.sum() / n.sum())
    noise = mean * (1 - mean) * float(np.mean(1 / n))
    spread = max(float(share.var()) - noise, 1e-4)
    strength = float(np.clip(mean * (1 - mean) / spread - 1, 1.0, 500.0))
    likely = (k + strength * mean) / (n + strength)
    usual = float(np.exp(np.log(n).mean()))
    return np.asarray(likely * np.log(np.maximum(likely * usual, 1.0)))
