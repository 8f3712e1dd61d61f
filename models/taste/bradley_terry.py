"""One listener's head: a Bayesian linear Bradley-Terry model with ties, updated in microseconds.

Utility of a clip is ``weights . features``. Ties after Davidson (1970): with ``d`` the difference of two utilities,
``P(left) = e^(d/2) / (e^(d/2) + e^(-d/2) + nu)``, ``P(equal) = nu / (same)``. The posterior over the weights is
Gaussian and so is the one over ``log nu``; the two are kept independent (their coupling is odd in ``d`` and
averages out). One vote moves the weights only along ``covariance . difference``, so the exact Laplace update of
the whole posterior needs no more than a Newton search in two numbers (Chu & Ghahramani 2005 for the setting).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Outcome = Literal["left", "right", "equal", "neither", "skipped"]
OUTCOMES: tuple[Outcome, ...] = ("left", "right", "equal", "neither", "skipped")
# "neither" speaks about a personal "good enough", "skipped" about nothing: neither says which clip is the better one.
INFORMATIVE: tuple[Outcome, ...] = ("left", "right", "equal")

PRIOR_TIE = math.log(0.4)  # two equally loved clips are called equal one time in six
PRIOR_TIE_VARIANCE = 1.0
_UTILITY_NODES = 24
_TIE_NODES = 7


@dataclass(frozen=True)
class Head:
    """Posterior of one listener: ``mean`` ``(F,)``, ``covariance`` ``(F, F)``, both float64.

    ``tie`` is the posterior mean of ``log nu`` and ``tie_variance`` its variance. ``votes_seen`` counts the votes
    that informed it (left, right, equal). ``version`` names the taste space that the features come from.
    Raises ``ValueError`` on shapes that contradict each other or on numbers that are not finite.
    """

    mean: FloatArray
    covariance: FloatArray
    version: str
    tie: float = PRIOR_TIE
    tie_variance: float = PRIOR_TIE_VARIANCE
    votes_seen: int = 0

    def __post_init__(self) -> None:
        mean = np.array(self.mean, dtype=np.float64)
        covariance = np.array(self.covariance, dtype=np.float64)
        if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)):
            raise ValueError(f"a head of shapes {mean.shape} and {covariance.shape}; they must be (F,) and (F, F)")
        if not (np.isfinite(mean).all() and np.isfinite(covariance).all() and math.isfinite(self.tie)):
            raise ValueError("a head's numbers must be finite")
        if not self.tie_variance > 0:
            raise ValueError(f"the variance of log nu is {self.tie_variance}; it must be positive")
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "covariance", covariance)

    def to_columns(self) -> HeadColumns:
        """The form that is stored; ``Head.from_columns`` gives the same head back, bit for bit."""
        size = len(self.mean)
        joint = np.zeros((size + 1, size + 1), dtype="<f8")
        joint[:size, :size] = self.covariance
        joint[size, size] = self.tie_variance
        return HeadColumns(self.mean.astype("<f8").tobytes(), joint.tobytes(), self.tie, self.votes_seen, self.version)

    @classmethod
    def from_columns(cls, columns: HeadColumns) -> Head:
        """Read what ``to_columns`` wrote; raises ``ValueError`` where the bytes don't fit together."""
        mean = np.frombuffer(columns.mean, dtype="<f8")
        joint = np.frombuffer(columns.covariance, dtype="<f8")
        size = len(mean)
        if len(joint) != (size + 1) ** 2:
            raise ValueError(f"a stored head of {size} weights and {len(joint)} covariances")
        joint = joint.reshape(size + 1, size + 1)
        return cls(
            mean=mean,
            covariance=joint[:size, :size],
            version=columns.version,
            tie=columns.tie,
            tie_variance=float(joint[size, size]),
            votes_seen=columns.votes_seen,
        )


@dataclass(frozen=True)
class HeadColumns:
    """A head as plain columns: little-endian float64 bytes and numbers.

    ``mean``: ``(F,)``; ``covariance``: ``(F + 1, F + 1)`` row by row, the last row and column being ``log nu``'s.
    """

    mean: bytes
    covariance: bytes
    tie: float
    votes_seen: int
    version: str


@dataclass(frozen=True)
class PairProbability:
    """Probability of each informative outcome, float64 ``(pairs,)`` each; they sum to 1."""

    left: FloatArray
    equal: FloatArray
    right: FloatArray


@dataclass(frozen=True)
class Utility:
    """Posterior mean and standard deviation of clips' utilities, float64 ``(clips,)``; 0 is the average clip."""

    mean: FloatArray
    sd: FloatArray


def davidson(difference: npt.ArrayLike, tie: npt.ArrayLike) -> PairProbability:
    """Davidson's probabilities for known utility differences and ``log nu`` (any shapes that broadcast)."""
    half = np.asarray(difference, dtype=np.float64) / 2
    half, log_nu = np.broadcast_arrays(half, np.asarray(tie, dtype=np.float64))
    top = np.maximum(np.abs(half), log_nu)
    left, right, equal = np.exp(half - top), np.exp(-half - top), np.exp(log_nu - top)
    total = left + right + equal
    return PairProbability(left / total, equal / total, right / total)


def update(head: Head, difference: npt.ArrayLike, outcome: Outcome) -> Head:
    """The head after one vote; ``difference`` ``(F,)`` is features of the left clip minus those of the right.

    "neither" and "skipped" leave the head as it is: they do not say which clip is the better one. Costs O(F^2).
    Raises ``ValueError`` on another outcome or a difference of the wrong shape.
    """
    if outcome not in OUTCOMES:
        raise ValueError(f"outcome is {outcome!r}; it must be one of {', '.join(OUTCOMES)}")
    direction = np.asarray(difference, dtype=np.float64)
    if direction.shape != head.mean.shape or not np.isfinite(direction).all():
        raise ValueError(f"the difference must be {head.mean.shape} finite numbers, not {direction.shape}")
    if outcome not in INFORMATIVE:
        return head
    towards = head.covariance @ direction
    variance = max(float(direction @ towards), 0.0)
    push, curvature, tie, tie_variance = _vote_mode(
        float(direction @ head.mean), variance, head.tie, head.tie_variance, outcome
    )
    shrink = curvature / (1 + variance * curvature)
    covariance = head.covariance - shrink * np.outer(towards, towards)
    return replace(
        head,
        mean=head.mean + push * towards,
        covariance=(covariance + covariance.T) / 2,
        tie=tie,
        tie_variance=tie_variance,
        votes_seen=head.votes_seen + 1,
    )


def predict(head: Head, differences: npt.ArrayLike) -> PairProbability:
    """What the listener will answer to pairs, with the posterior's doubt integrated out (Gauss-Hermite).

    ``differences``: ``(pairs, F)`` or ``(F,)`` (one pair), features of left minus those of right.
    """
    rows = np.atleast_2d(np.asarray(differences, dtype=np.float64))
    centre = rows @ head.mean
    sd = np.sqrt(np.maximum(np.einsum("pf,fg,pg->p", rows, head.covariance, rows), 0.0))
    nodes, weights = np.polynomial.hermite_e.hermegauss(_UTILITY_NODES)
    tie_nodes, tie_weights = np.polynomial.hermite_e.hermegauss(_TIE_NODES)
    grid = davidson(
        centre[:, None, None] + sd[:, None, None] * nodes[None, :, None],
        head.tie + math.sqrt(head.tie_variance) * tie_nodes[None, None, :],
    )
    both = np.outer(weights / weights.sum(), tie_weights / tie_weights.sum())
    left, equal, right = (np.einsum("pst,st->p", value, both) for value in (grid.left, grid.equal, grid.right))
    return PairProbability(left, equal, right)


def average(heads: Sequence[Head]) -> Head:
    """The average listener of ``heads``: the mean of their weights and of ``log nu``, and the doubt about these means.

    Listeners' posteriors are taken to be independent. Raises ``ValueError`` on no heads or on mixed versions.
    """
    if len({(head.version, len(head.mean)) for head in heads}) != 1:
        raise ValueError("an average needs heads, all of one taste space")
    return Head(
        mean=np.mean([head.mean for head in heads], axis=0),
        covariance=np.mean([head.covariance for head in heads], axis=0) / len(heads),
        version=heads[0].version,
        tie=float(np.mean([head.tie for head in heads])),
        tie_variance=float(np.mean([head.tie_variance for head in heads])) / len(heads),
        votes_seen=sum(head.votes_seen for head in heads),
    )


def utilities(head: Head, features: npt.ArrayLike) -> Utility:
    """Utility of clips with ``features`` ``(clips, F)`` and how sure it is."""
    rows = np.atleast_2d(np.asarray(features, dtype=np.float64))
    variance = np.einsum("cf,fg,cg->c", rows, head.covariance, rows)
    return Utility(rows @ head.mean, np.sqrt(np.maximum(variance, 0.0)))


def _vote_mode(
    centre: float, variance: float, tie: float, tie_variance: float, outcome: Outcome
) -> tuple[float, float, float, float]:
    """Mode of one vote's posterior in (difference ``s``, ``log nu``), started at the prior N(centre, variance).

    Returns (the slope of the vote's log-likelihood in ``s`` at the mode, its curvature there with ``log nu``
    integrated out, the new ``log nu``, its new variance).
    """
    half_sign = {"left": 0.5, "right": -0.5, "equal": 0.0}[outcome]
    is_equal = float(outcome == "equal")

    def objective(s: float, log_nu: float) -> float:
        top = max(abs(s) / 2, log_nu)
        log_total = top + math.log(math.exp(s / 2 - top) + math.exp(-s / 2 - top) + math.exp(log_nu - top))
        prior = (s - centre) ** 2 / (2 * variance) if variance > 0 else 0.0
        return half_sign * s + is_equal * log_nu - log_total - prior - (log_nu - tie) ** 2 / (2 * tie_variance)

    def slopes(s: float, log_nu: float) -> tuple[float, float, float, float, float]:
        top = max(abs(s) / 2, log_nu)
        left, right, equal = math.exp(s / 2 - top), math.exp(-s / 2 - top), math.exp(log_nu - top)
        total = left + right + equal
        lean, p_equal = (left - right) / (2 * total), equal / total
        curve_s = (1 - p_equal) / 4 - lean * lean
        return half_sign - lean, is_equal - p_equal, curve_s, -lean * p_equal, p_equal * (1 - p_equal)

    s, log_nu = centre, tie
    value = objective(s, log_nu)
    for _ in range(60):
        slope_s, slope_t, curve_s, curve_st, curve_t = slopes(s, log_nu)
        # (I + P H) step = P gradient, with P = diag(variance, tie_variance): no division by a variance of zero.
        a, b = 1 + variance * curve_s, variance * curve_st
        c, d = tie_variance * curve_st, 1 + tie_variance * curve_t
        right_s, right_t = variance * slope_s - (s - centre), tie_variance * slope_t - (log_nu - tie)
        determinant = a * d - b * c
        step_s, step_t = (d * right_s - b * right_t) / determinant, (a * right_t - c * right_s) / determinant
        length = 1.0
        while (new := objective(s + length * step_s, log_nu + length * step_t)) < value - 1e-12 and length > 1e-6:
            length /= 2
        s, log_nu, value = s + length * step_s, log_nu + length * step_t, new
        if max(abs(step_s), abs(step_t)) < 1e-10:
            break
    slope_s, _, curve_s, curve_st, curve_t = slopes(s, log_nu)
    curvature = max(curve_s - curve_st**2 / (curve_t + 1 / tie_variance), 0.0)
    determinant = (1 + variance * curve_s) * (1 + tie_variance * curve_t) - variance * tie_variance * curve_st**2
    return slope_s, curvature, log_nu, tie_variance * (1 + variance * curve_s) / determinant
