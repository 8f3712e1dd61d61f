"""What makes a pair worth asking: one protocol, and the policies behind it.

Each policy gives every pair of a shortlist a weight; ``models.taste.policy`` mixes them and knows what each pair's
probability is. *uncertainty*: the difference of utilities that is least known (Lewis & Gale 1994). *information*: nats
that the vote is expected to tell about the weights (BALD, Houlsby et al. 2011). *eubo*: the expected utility of the
better clip of the two (Lin et al. 2022). *thompson*: a duel of the favourites of two draws from the posterior (double
Thompson sampling, Wu & Liu 2016). *curiosity*: how much the vote would tell about the styles whose effect on this
person is least known yet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from models.taste.head import Head

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

DRAWS = 128  # from the posterior, among whose favourites a Thompson duel is held
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@lru_cache(maxsize=4)
def pairs_of(clips: int) -> tuple[IntArray, IntArray]:
    """All ``a < b`` below ``clips``, in row order ``(P,)``; kept, because most draws come from pools of one size."""
    first, second = np.triu_indices(clips, k=1)
    first.setflags(write=False)
    second.setflags(write=False)
    return first, second


@dataclass(frozen=True)
class View:
    """What a policy sees of a shortlist of C clips, and the P pairs that they make, in the order of ``pairs_of``.

    ``features`` ``(C, F)``, ``effects`` ``(C,)`` of the clips themselves; ``styles`` ``(A, F)``: the directions in
    feature space that are a style each; ``bonus`` ``(P,)`` is added to every score, in units of the best pair's score;
    ``sharpness`` is the inverse temperature. ``seed`` fixes the posterior draws of a Thompson duel.
    """

    features: FloatArray
    effects: FloatArray
    head: Head
    styles: FloatArray
    bonus: FloatArray
    sharpness: float
    seed: tuple[int, ...] = field(default=(0,))

    @cached_property
    def utility(self) -> Float32Array:
        """Expected utility of each clip ``(C,)``."""
        return (self.features @ self.head.mean + self.effects).astype(np.float32)

    @cached_property
    def difference(self) -> Float32Array:
        """Expected utility of the first clip less that of the second ``(P,)``."""
        first, second = pairs_of(len(self.features))
        return self.utility[first] - self.utility[second]

    @cached_property
    def variance(self) -> Float32Array:
        """Variance of that difference ``(P,)``."""
        return squared_distances(self.features @ self.root)[pairs_of(len(self.features))]

    @cached_property
    def root(self) -> FloatArray:
        """A square root of the head's covariance ``(F, F)``."""
        size = len(self.head.mean)
        return np.asarray(np.linalg.cholesky(self.head.covariance + 1e-12 * np.eye(size)), dtype=np.float64)


class Policy(Protocol):
    """Which of a shortlist's pairs to ask."""

    def weights(self, view: View) -> FloatArray:
        """How likely each pair is, up to a common factor: ``(P,)``, none negative."""
        ...


class Score(Protocol):
    """What a pair is worth."""

    def __call__(self, view: View) -> npt.NDArray[np.floating]:
        """``(P,)``, not negative; 0 is worth nothing."""
        ...


@dataclass(frozen=True)
class Softmax:
    """The pairs of the highest ``score`` (the best counts 1) and bonus are the likeliest, no pair is impossible."""

    score: Score

    def weights(self, view: View) -> FloatArray:
        """See ``Policy``."""
        value = np.asarray(self.score(view), dtype=np.float64)
        value = value / max(float(value.max(initial=0.0)), 1e-12) + view.bonus
        weight: FloatArray = np.exp(view.sharpness * (value - value.max(initial=-np.inf)))
        return weight


class ThompsonDuel:
    """The favourite of one draw from the posterior against another one of a second draw.

    The draws are ``DRAWS`` of the view's seed, so that the probability of each pair is exact given the seed. Nothing
    is weighed where all of them have one favourite.
    """

    def weights(self, view: View) -> FloatArray:
        """See ``Policy``."""
        normal = np.random.default_rng(view.seed).standard_normal((DRAWS, len(view.head.mean)))
        utility = view.features @ (view.head.mean + normal @ view.root.T).T + view.effects[:, None]
        favourite = utility.argmax(axis=0)
        share = np.bincount(favourite, minlength=len(view.features)) / DRAWS
        # the second draw is repeated until its favourite is another one
        again = np.divide(share, 1 - share, out=np.zeros_like(share), where=share < 1)
        first, second = pairs_of(len(view.features))
        weight: FloatArray = again[first] * share[second] + again[second] * share[first]
        return weight


def uncertainty(view: View) -> Float32Array:
    """Standard deviation of the difference of utilities ``(P,)``."""
    return np.sqrt(view.variance)


def information(view: View) -> Float32Array:
    """Nats that the vote tells about the weights ``(P,)``."""
    return information_gain(view.difference, view.variance, view.head.tie)


def eubo(view: View) -> FloatArray:
    """Expected utility of the better clip above that of the worst pair ``(P,)`` (Clark 1961 for two normals)."""
    first, second = pairs_of(len(view.features))
    value = expected_best(view.utility[first], view.utility[second], view.variance)
    return value - value.min(initial=np.inf) if len(value) else value


def curiosity(view: View) -> FloatArray:
    """Expected fall of the styles' variances ``(P,)``, each weighed by how little is known of it.

    A vote on features ``d`` takes ``(g' S d)^2 k / (1 + k d' S d)`` off the variance of ``g . weights`` where its
    likelihood has the curvature ``k``; a style's doubt is its standard deviation among all styles'.
    """
    if len(view.styles) == 0:
        return np.zeros(len(view.difference))
    first, second = pairs_of(len(view.features))
    covariance = view.head.covariance
    doubt = np.sqrt(np.maximum(np.einsum("af,fg,ag->a", view.styles, covariance, view.styles), 1e-18))
    told = (view.features @ covariance @ view.styles.T) / doubt  # (C, A), in standard deviations of each style
    share = doubt / doubt.sum()
    square = squared_distances(told * np.sqrt(share))[first, second].astype(np.float64)
    half = np.clip(view.difference.astype(np.float64) / 2, -30, 30)
    total = np.exp(half) + np.exp(-half) + math.exp(view.head.tie)
    lean, decided = np.sinh(half) / total, 1 - math.exp(view.head.tie) / total
    curvature = decided / 4 - lean**2
    return np.asarray(square * curvature / (1 + curvature * view.variance), dtype=np.float64)


def expected_best(left: npt.ArrayLike, right: npt.ArrayLike, variance: npt.ArrayLike) -> FloatArray:
    """Expectation of the larger of two utilities whose difference has ``variance``, ``(P,)``."""
    a, b = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    sd = np.sqrt(np.maximum(np.asarray(variance, dtype=np.float64), 1e-18))
    z = (a - b) / sd
    return np.asarray(b + (a - b) * ndtr(z) + sd * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi), dtype=np.float64)


def information_gain(centre: npt.ArrayLike, variance: npt.ArrayLike, tie: float) -> Float32Array:
    """Nats that a vote tells about the weights (BALD) when the utility difference is N(centre, variance), ``(pairs,)``.

    Mutual information of Davidson's outcome and the difference, by 9-node Gauss-Hermite; ``tie`` is ``log nu``.
    """
    mean, sd = np.asarray(centre, dtype=np.float32), np.sqrt(np.asarray(variance, dtype=np.float32))
    left = np.zeros_like(mean)
    equal = np.zeros_like(mean)
    doubt = np.zeros_like(mean)
    nu = np.float32(math.exp(tie))
    for node, weight in zip(_NODES.astype(np.float32), _WEIGHTS.astype(np.float32), strict=True):
        half = np.clip((mean + sd * node) / 2, -30, 30)
        up = np.exp(half)
        total = up + 1 / up + nu
        p_left, p_equal = up / total, nu / total
        left += weight * p_left
        equal += weight * p_equal
        # Entropy of the outcome where the difference is known: log Z minus the expected exponent.
        doubt += weight * (np.log(total) - half * (2 * p_left + p_equal - 1) - np.float32(tie) * p_equal)
    right = np.maximum(1 - left - equal, 0)
    whole = np.zeros_like(mean)
    for value in (left, equal, right):
        whole -= value * np.log(np.maximum(value, np.float32(1e-30)))
    gain: Float32Array = np.maximum(whole - doubt, 0)
    return gain


def squared_distances(x: FloatArray) -> Float32Array:
    """Squared Euclidean distances of all rows, ``(clips, clips)``, by one matrix product."""
    product = x @ x.T
    norm = np.diag(product)
    return np.maximum(norm[:, None] + norm - 2 * product, 0.0).astype(np.float32)


POLICIES: dict[str, Policy] = {
    "uncertainty": Softmax(uncertainty),
    "information": Softmax(information),
    "eubo": Softmax(eubo),
    "thompson": ThompsonDuel(),
    "curiosity": Softmax(curiosity),
}
