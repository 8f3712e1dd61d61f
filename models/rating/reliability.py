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
DRAWS, DRAWN_SPLITS = 200, 5  # of tracks, for the interval


@dataclass(frozen=True)
class Reliability:
    """``half``: mean Spearman of p between two halves of the listenings; ``whole``: of p with p of as many others.

    ``spearman`` and ``pairs``: what a rating that knows p without noise would reach; ``pairs_low`` and ``pairs_high``
    are its 95 % interval, over tracks.
    """

    half: float
    whole: float
    spearman: float
    pairs: float
    pairs_low: float = math.nan
    pairs_high: float = math.nan


def reliability(
    played: Counts, liked: Counts, *, smooth: bool = False, seed: int = 0, splits: int = SPLITS
) -> Reliability:
    """Each track's listenings in two random halves, ``splits`` times.

    Which listenings were likes is all that is known of them, so drawing a half is drawing from an urn.
    """
    rng = np.random.default_rng(seed)
    half = _between_halves(played, liked, splits, rng, smooth=smooth)
    drawn = []
    for _ in range(DRAWS if len(played) > 2 else 0):
        rows = rng.integers(len(played), size=len(played))
        drawn.append(pairs_of(_ceiling(_between_halves(played[rows], liked[rows], DRAWN_SPLITS, rng, smooth=smooth))))
    finite = [each for each in drawn if math.isfinite(each)]
    low, high = np.quantile(finite, [0.025, 0.975]).tolist() if finite else (math.nan, math.nan)
    ceiling = _ceiling(half)
    return Reliability(half, _whole(half), ceiling, pairs_of(ceiling), low, high)


def _between_halves(played: Counts, liked: Counts, splits: int, rng: np.random.Generator, *, smooth: bool) -> float:
    """Mean Spearman correlation of p between halves; NaN where nothing can be compared."""
    at = played >= 2
    n, k = played[at], liked[at]
    found = []
    for _ in range(splits if len(n) > 2 else 0):
        size = n // 2 + rng.integers(0, 2, len(n)) * (n % 2)
        one = rng.hypergeometric(k, n - k, size)
        a, b = target(size, one, smooth=smooth), target(n - size, k - one, smooth=smooth)
        if np.ptp(a) > 0 and np.ptp(b) > 0:
            found.append(float(spearmanr(a, b).statistic))
    return float(np.mean(found)) if found else math.nan


def _whole(half: float) -> float:
    return 2 * half / (1 + half) if half > 0 else half * 0  # halves that disagree say nothing; NaN stays


def _ceiling(half: float) -> float:
    return math.sqrt(_whole(half))


def pairs_of(correlation: float) -> float:
    """The share of pairs in the right order that belongs to a correlation of normal variables."""
    return 0.5 + math.asin(min(max(correlation, -1.0), 1.0)) / math.pi if math.isfinite(correlation) else math.nan


def equal_exposure(played: Counts, liked: Counts, *, smooth: bool = False) -> npt.NDArray[np.float64]:
    """p as it would be had every track been played equally often, with shares drawn towards the mean by their noise.

    How often a track was played can't be heard, yet log(liked) grows with it. The prior of the shares is a beta
    distribution fitted by moments (empirical Bayes: Efron & Morris 1975).
    """
    likely = shares(played, liked)
    usual = float(np.exp(np.log(played).mean()))
    return np.asarray(likely * (np.log1p(likely * usual) if smooth else np.log(np.maximum(likely * usual, 1.0))))


def shares(played: Counts, liked: Counts) -> npt.NDArray[np.float64]:
    """The likely share of listeners who like each track, ``(tracks,)``."""
    alpha, beta = _prior(played, liked)
    return np.asarray((liked + alpha) / (played + alpha + beta))


def _prior(played: Counts, liked: Counts) -> tuple[float, float]:
    """The beta distribution of the shares."""
    share, mean = liked / played, float(liked.sum() / played.sum())
    noise = mean * (1 - mean) * float(np.mean(1 / played))
    spread = max(float(share.var()) - noise, 1e-4)
    strength = float(np.clip(mean * (1 - mean) / spread - 1, 1.0, 500.0))
    return strength * mean, strength * (1 - mean)


def audible_ceiling(
    played: Counts, liked: Counts, *, smooth: bool = False, seed: int = 0
) -> tuple[float, float, float]:
    """The share of pairs that who knows every track's true share of likes would order rightly; its 95 % interval.

    How often a track was played can't be heard, so this is lower than the ceiling where plays differ: shares are drawn
    from what is likely of each track, likes from them, and p of these is what is to be ordered. For the interval,
    tracks are drawn as well.
    """
    rng = np.random.default_rng([seed, 19])
    alpha, beta = _prior(played, liked)
    found, drawn = [], []
    for _ in range(SPLITS if len(played) > 1 else 0):
        share = rng.beta(liked + alpha, played - liked + beta)
        p = target(played, rng.binomial(played, share), smooth=smooth)
        rows = rng.integers(len(p), size=len(p))
        found.append(_in_order(share, p))
        drawn.append(_in_order(share[rows], p[rows]))
    if not np.isfinite(found).any():
        return math.nan, math.nan, math.nan
    low, high = np.nanquantile(drawn, [0.025, 0.975]).tolist()
    return float(np.nanmean(found)), low, high


def _in_order(rated: npt.NDArray[np.float64], p: npt.NDArray[np.float64]) -> float:
    better = p[:, None] > p
    return float((rated[:, None] > rated)[better].mean()) if better.any() else math.nan
