"""Strengths of things that were compared in pairs (Bradley & Terry 1952), with intervals over the people who compared.

A tie is half a win for either side. A weak prior keeps the strength of what always wins finite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

ALPHA = 0.05
PRECISION = 0.02  # of the prior on strengths: a standard deviation of 7 log-odds
TIGHTEST = 40  # people
STEPS, TOLERANCE = 100, 1e-10


@dataclass(frozen=True)
class Strengths:
    """Log-odds strengths ``(items,)``, whose mean is 0, with their intervals over people."""

    value: FloatArray
    low: FloatArray
    high: FloatArray


def fit(wins: npt.ArrayLike, *, precision: float = PRECISION) -> FloatArray:
    """Strengths ``(items,)`` by Newton's method.

    Args:
        wins: ``(items, items)``; how often the row was preferred to the column, a tie counting half on both sides.
        precision: of the Gaussian prior on each strength.

    Returns:
        Log-odds: row ``i`` is preferred to ``j`` with probability ``1 / (1 + exp(s_j - s_i))``. Their mean is 0.

    Raises:
        ValueError: ``wins`` is not square, or holds something negative.
    """
    won = np.asarray(wins, dtype=np.float64)
    if won.ndim != 2 or won.shape[0] != won.shape[1] or (won < 0).any():
        raise ValueError(f"wins must be a square table of counts, not {won.shape}")
    n = won + won.T
    strength = np.zeros(len(won))
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(strength[None, :] - strength[:, None]))
        gradient = (won - n * p).sum(axis=1) - precision * strength
        weight = n * p * (1 - p)
        hessian = np.diag(weight.sum(axis=1) + precision) - weight
        step = np.linalg.solve(hessian, gradient)
        strength += step / max(1.0, float(np.abs(step).max()))  # a long step is shortened, or it may not converge
        if np.abs(step).max() < TOLERANCE:
            break
    centred: FloatArray = strength - strength.mean()
    return centred


def strengths(people: Sequence[npt.ArrayLike], *, alpha: float = ALPHA) -> Strengths:
    """Strengths from the wins of each person, ``(items, items)`` a person, with intervals that hold at any look.

    The estimate is nearly a mean over people of how far each pulls it (its influence function), and the intervals are
    those of an asymptotic confidence sequence around that mean, narrowest at ``TIGHTEST`` people (Waudby-Smith, Arbour,
    Sinha, Kennedy & Ramdas 2024). All together hold with ``1 - alpha``, once there are people enough; one person has
    none. Raises ``ValueError`` without people.
    """
    if not len(people):
        raise ValueError("strengths need the answers of one person at least")
    tables = np.stack([np.asarray(each, dtype=np.float64) for each in people])
    value, n, items = fit(tables.sum(axis=0)), len(tables), tables.shape[1]
    half = np.full(items, np.inf)
    if n > 1:
        p = 1 / (1 + np.exp(value[None, :] - value[:, None]))
        compared = tables + tables.transpose(0, 2, 1)
        weight = (compared * p * (1 - p)).sum(axis=0)
        hessian = np.diag(weight.sum(axis=1) + PRECISION) - weight
        gradients = (tables - compared * p).sum(axis=2)
        influence = n * np.linalg.solve(hessian, gradients.T)
        influence -= influence.mean(axis=0)  # strengths are told around their mean
        half = influence.std(axis=1, ddof=1) * _width(n, alpha / items)
    return Strengths(value, value - half, value + half)


def _width(n: int, alpha: float) -> float:
    """Half the width of the confidence sequence of a mean of ``n`` values, in their standard deviations."""
    rho = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha)) + 1) / TIGHTEST  # squared
    return math.sqrt(2 * (n * rho + 1) / (n**2 * rho) * math.log(math.sqrt(n * rho + 1) / alpha))
