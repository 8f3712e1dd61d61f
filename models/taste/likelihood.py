"""The likelihood of an answer to a pair of clips, and the moments of a Gaussian belief after one.

An answer is a choice among left, equal, right and neither (Luce 1959), with the scores ``u_left + side / 2``,
``(u_left + u_right) / 2 + log nu``, ``u_right - side / 2`` and ``enough``: given that neither was not said these are
Davidson's probabilities (1970) of Bradley-Terry with ties, and neither is the likelier the further both utilities lie
below what is good enough. A share of the answers, the lapses, is a coin toss between left and right.
One answer depends on three numbers (three scores above the fourth), so its effect on a Gaussian belief is a matter of
three dimensions: moments by Gauss-Hermite quadrature (assumed-density filtering, Opper 1998; Minka 2001). Among more
clips it is the same in more dimensions (``models.taste.head``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, reduce
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Outcome = Literal["left", "right", "equal", "neither", "skipped"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
CHOICES: tuple[Outcome, ...] = ("left", "equal", "right", "neither")  # skipping says nothing
LAPSES = ("left", "right")  # what a lapse can look like
RESPONSE = ("side", "tie", "enough")  # what a belief holds behind the weights of the features

_NODES = 7  # in each dimension
_LEAST = 1e-15  # variance that rounding may have taken below nothing


@dataclass(frozen=True)
class PairProbability:
    """Probability of each way to compare two clips, float64 ``(pairs,)`` each; they sum to 1."""

    left: FloatArray
    equal: FloatArray
    right: FloatArray


@dataclass(frozen=True)
class Moments:
    """Mean and covariance of the K scores after one answer, in units of their ``root`` (the symmetric one, ``(K, K)``).

    ``shift`` ``(K,)``, ``spread`` ``(K, K)``: mean and covariance after the answer of what was standard normal before.
    ``chance`` of the answer, and of its having been a ``lapse``.
    """

    root: FloatArray
    shift: FloatArray
    spread: FloatArray
    chance: float
    lapse: float


def davidson(difference: npt.ArrayLike, tie: npt.ArrayLike) -> PairProbability:
    """Davidson's probabilities for known utility differences and ``log nu`` (any shapes that broadcast)."""
    half = np.asarray(difference, dtype=np.float64) / 2
    half, log_nu = np.broadcast_arrays(half, np.asarray(tie, dtype=np.float64))
    top = np.maximum(np.abs(half), log_nu)
    left, right, equal = np.exp(half - top), np.exp(-half - top), np.exp(log_nu - top)
    total = left + right + equal
    return PairProbability(left / total, equal / total, right / total)


def choice_probabilities(scores: npt.ArrayLike) -> FloatArray:
    """Probabilities of K + 1 choices ``(..., K + 1)`` from the scores ``(..., K)`` of all but the last above it."""
    given = np.asarray(scores, dtype=np.float64)
    whole = np.concatenate([given, np.zeros((*given.shape[:-1], 1))], axis=-1)
    whole = np.exp(whole - whole.max(axis=-1, keepdims=True))
    found: FloatArray = whole / whole.sum(axis=-1, keepdims=True)
    return found


# Of a pair: the share of each clip's utility, and of ``RESPONSE``, in the scores of left, equal and right.
PAIR_SHARES = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
PAIR_MANNER = np.array([[0.5, 0.0, -1.0], [0.0, 1.0, -1.0], [-0.5, 0.0, -1.0]])


def outcome_moments(centre: FloatArray, covariance: FloatArray, outcome: Outcome, lapse_rate: float) -> Moments:
    """What ``outcome`` tells where the scores are N(``centre`` ``(3,)``, ``covariance`` ``(3, 3)``).

    ``lapse_rate``: expected share of lapses. Raises ``ValueError`` on an outcome that is none of ``CHOICES``.
    """
    if outcome not in CHOICES:
        raise ValueError(f"outcome is {outcome!r}; only {', '.join(CHOICES)} tell something")
    tossed = 1 / len(LAPSES) if outcome in LAPSES else 0.0
    return choice_moments(centre, covariance, CHOICES.index(outcome), lapse_rate=lapse_rate, tossed=tossed)


def choice_moments(
    centre: FloatArray, covariance: FloatArray, chosen: int, *, lapse_rate: float, tossed: float
) -> Moments:
    """What it tells that number ``chosen`` of K + 1 was chosen; the scores of the first K above the last are Gaussian.

    N(``centre`` ``(K,)``, ``covariance`` ``(K, K)``); ``tossed``: the share of lapses that look like this choice.
    """
    grid, node_weights = quadrature(len(centre))
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(values, _LEAST))) @ vectors.T  # symmetric: all clips are treated alike
    likelihood = (1 - lapse_rate) * choice_probabilities(centre + grid @ root.T)[:, chosen]
    by_lapse = lapse_rate * tossed
    weight = node_weights * (likelihood + by_lapse)
    chance = float(weight.sum())
    weight /= chance
    shift = weight @ grid
    spread = (grid * weight[:, None]).T @ grid - np.outer(shift, shift)
    return Moments(root, shift, spread, chance, by_lapse / chance)


@cache
def quadrature(dimensions: int) -> tuple[FloatArray, FloatArray]:
    """Nodes ``(K, dimensions)`` and weights ``(K,)`` of a standard normal, by products of Gauss-Hermite's."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    weights = weights / weights.sum()
    grid = np.stack(np.meshgrid(*[nodes] * dimensions, indexing="ij"), axis=-1).reshape(-1, dimensions)
    product = reduce(np.multiply.outer, [weights] * dimensions).ravel()
    for array in (grid, product):
        array.setflags(write=False)
    return grid, product
