"""Strengths of things that were compared in pairs (Bradley & Terry 1952), with intervals over the people who compared.

A tie is half a win for either side. A weak prior keeps the strength of what always wins finite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

PRECISION = 0.02  # of the prior on strengths: a standard deviation of 7 log-odds
STEPS, TOLERANCE = 100, 1e-10


@dataclass(frozen=True)
class Strengths:
    """Log-odds strengths ``(items,)``, whose mean is 0, with their 95 % percentile bootstrap intervals over people."""

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


def strengths(people: Sequence[npt.ArrayLike], *, seed: int = 0, draws: int = 1_000) -> Strengths:
    """Strengths from the wins of each person, ``(items, items)`` a person, resampled over people.

    The interval holds at one look that was planned in advance, not at any look. Raises ``ValueError`` without people.
    """
    if not len(people):
        raise ValueError("strengths need the answers of one person at least")
    tables = np.stack([np.asarray(each, dtype=np.float64) for each in people])
    generator = np.random.default_rng(seed)
    found = np.stack([fit(tables[generator.integers(len(tables), size=len(tables))].sum(axis=0)) for _ in range(draws)])
    low, high = np.quantile(found, [0.025, 0.975], axis=0)
    return Strengths(fit(tables.sum(axis=0)), low, high)
