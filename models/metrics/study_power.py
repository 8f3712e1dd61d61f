"""What a study of preferences could show: the smallest preference that its interval would find, by simulation.

Simulated people differ: each one's own log-odds of preferring the better of two systems are drawn around those of all,
and so is what each pair of clips adds. Without this, answers of one person would seem to be independent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.metrics.always_valid import mean_log_capital

FloatArray = npt.NDArray[np.float64]

SHARES = tuple(round(0.5 + 0.02 * step, 2) for step in range(24))  # of answers that prefer the better system
PEOPLE_SD = 0.7  # log-odds between people
ANSWERS_SD = 0.7  # log-odds between a person's answers: pairs of clips differ as well


@dataclass(frozen=True)
class Power:
    """How often a study finds a preference of each true share, and the smallest that it finds 8 times in 10."""

    shares: FloatArray
    found: FloatArray
    smallest: float | None


def power(
    people: int, answers: int, *, alpha: float = 0.05, studies: int = 200, wanted: float = 0.8, seed: int = 0
) -> Power:
    """Simulate ``studies`` studies of so many ``people``, who each compare two systems ``answers`` times.

    A study finds a preference where its interval, which holds at any look, lies on the right side of a half once
    everybody has answered. Raises ``ValueError`` without people or answers.
    """
    if people < 1 or answers < 1:
        raise ValueError(f"{people} people with {answers} answers were given; one of each is needed")
    generator = np.random.default_rng(seed)
    found = []
    for share in SHARES:
        drawn = _shares(share, (studies, people, answers), generator)
        threshold = math.log(2 / alpha)
        found.append(np.mean([mean_log_capital(each, 0.5) >= threshold for each in drawn]))
    enough = [share for share, chance in zip(SHARES, found, strict=True) if share > 0.5 and chance >= wanted]
    return Power(np.array(SHARES), np.array(found), enough[0] if enough else None)


def _shares(share: float, shape: tuple[int, int, int], generator: np.random.Generator) -> FloatArray:
    """Each person's share of answers for the better system, ``(studies, people)``, whose mean is ``share``."""
    spread = math.hypot(PEOPLE_SD, ANSWERS_SD)
    centre = _centre(share, spread)
    studies, people, answers = shape
    own = centre + PEOPLE_SD * generator.standard_normal((studies, people, 1))
    each = own + ANSWERS_SD * generator.standard_normal((studies, people, answers))
    result: FloatArray = (generator.random(each.shape) < 1 / (1 + np.exp(-each))).mean(axis=2)
    return result


def _centre(share: float, spread: float) -> float:
    """The log-odds around which people differ where ``share`` of all answers is wanted (Gauss-Hermite, bisection)."""
    points, weights = np.polynomial.hermite_e.hermegauss(40)
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        mean = float((weights / (1 + np.exp(-(middle + spread * points)))).sum() / weights.sum())
        low, high = (middle, high) if mean < share else (low, middle)
    return (low + high) / 2
