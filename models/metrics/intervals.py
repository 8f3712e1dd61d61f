"""Figures with their 95 % intervals: shares (Wilson 1927), means (bootstrap), win rates; strengths and power.

Win rates hold at every moment: one may look after each vote and stop when one likes. A gambler bets on each next vote
that wins come with more than the chance ``m``; if no vote's chance is above ``m``, the capital is a non-negative
supermartingale and ever reaches ``2 / alpha`` with probability ``alpha / 2`` at most (Ville 1939; betting: Waudby-Smith
& Ramdas 2024). Here the capital is the mean of those of many gamblers, each betting a fixed share (Robbins' 1970
mixtures; Cover's universal portfolio), so that it depends on counts alone. The same is done for losses. The interval
holds the ``m`` that neither gambler has refuted.

Strengths of things that people compared are those of Bradley & Terry (1952). A tie is half a win for either side. A
weak prior keeps the strength of what always wins finite.

The power of a study is simulated. Simulated people differ: each one's own log-odds of preferring the better of two
systems are drawn around those of all, and so is what each pair of clips adds. Without this, answers of one person would
seem to be independent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
NORMAL_95 = 1.959963984540054
DRAWS = 2000
FEW = 8  # people, songs or votes: drawing fewer again finds too narrow an interval

GAMBLERS = 96
ALPHA = 0.05
WANTED = 0.8  # share of studies that find what there is

PRECISION = 0.02  # of the prior on strengths: a standard deviation of 7 log-odds
TIGHTEST = 40  # people
STEPS, TOLERANCE = 100, 1e-10

SHARES = tuple(round(0.5 + 0.02 * step, 2) for step in range(24))  # of answers that prefer the better system
MOST = 0.96  # of these, and of those above another chance
PEOPLE_SD = 0.7  # log-odds between people
ANSWERS_SD = 0.7  # log-odds between a person's answers: pairs of clips differ as well


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


def win_rate(wins: int, ties: int, losses: int, *, alpha: float = ALPHA) -> Figure:
    """Share of wins, a tie counting half, with an interval that holds at all times with ``1 - alpha``.

    Its lower end says: that no vote so far had a better chance than this is refuted; its upper end the mirror image.
    Where the chance is always the same, it lies in the interval. Without votes the value is nan, the interval (0, 1).
    Raises ``ValueError`` on negative counts.
    """
    if min(wins, ties, losses) < 0:
        raise ValueError(f"{wins} wins, {ties} ties and {losses} losses; counts must not be negative")
    n = wins + ties + losses
    value = (wins + ties / 2) / n if n else math.nan
    low = _refuted(wins, ties, losses, math.log(2 / alpha))
    return Figure(value, low, 1 - _refuted(losses, ties, wins, math.log(2 / alpha)), n)


def log_capital(wins: int, ties: int, losses: int, chance: float) -> float:
    """Log of what a capital of 1 has become by betting that wins (a tie is half of one) come above ``chance``.

    The gambler of share ``t`` turns 1 into ``1 + t (1 - m) / m`` by a win and into ``1 - t`` by a loss: fair where
    the chance is ``m``. It falls with ``chance``, so all smaller ones are refuted together.
    """
    if chance <= 0:
        return math.inf if wins + ties else 0.0
    share = _shares()
    won, lost = np.log1p(share * (1 - chance) / chance), np.log1p(-share)
    tied = np.logaddexp(won, lost) - math.log(2)
    logs = wins * won + ties * tied + losses * lost
    top = float(logs.max())
    return top + math.log(float(np.exp(logs - top).mean()))


def bounded_mean(values: npt.ArrayLike, *, alpha: float = ALPHA) -> Figure:
    """Mean of independent values in [0, 1], ``(n,)``, with an interval that holds at all times with ``1 - alpha``.

    For the shares of people who each answered several times: what is independent is a person, not an answer. The
    same bets as in ``win_rate``; a share turns the capital of gambler ``t`` into ``1 + t (share - m) / m``. Without
    values the mean is nan, the interval (0, 1). Raises ``ValueError`` on values outside of [0, 1].
    """
    given = np.asarray(values, dtype=np.float64)
    if not ((given >= 0) & (given <= 1)).all():
        raise ValueError("values must lie between 0 and 1")
    threshold = math.log(2 / alpha)
    low = _bisected(lambda mean: mean_log_capital(given, mean), threshold)
    high = 1 - _bisected(lambda mean: mean_log_capital(1 - given, mean), threshold)
    return Figure(float(given.mean()) if len(given) else math.nan, low, high, len(given))


def mean_log_capital(values: FloatArray, mean: float) -> float:
    """Log of what a capital of 1 has become by betting that ``values`` ``(n,)`` lie above ``mean``, on average."""
    if mean <= 0:
        return math.inf if values.any() else 0.0
    each, often = np.unique(values, return_counts=True)  # of many people few differ
    logs = np.log1p(_shares()[:, None] * (each[None, :] - mean) / mean) @ often
    top = float(logs.max())
    return top + math.log(float(np.exp(logs - top).mean()))


def _refuted(wins: int, ties: int, losses: int, threshold: float) -> float:
    """The largest chance that is refuted, by bisection; 0 where none is."""
    return _bisected(lambda chance: log_capital(wins, ties, losses, chance), threshold)


def _bisected(capital: Callable[[float], float], threshold: float) -> float:
    """The largest number in [0, 1] at which a falling ``capital`` reaches the ``threshold``; 0 where none does."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if capital(middle) >= threshold:
            low = middle
        else:
            high = middle
    return low


@cache
def _shares() -> FloatArray:
    """The gamblers' shares in (0, 1), spread as Beta(1/2, 1/2): many dare little or nearly all."""
    k = np.arange(GAMBLERS)
    return np.asarray((1 - np.cos((2 * k + 1) * math.pi / (2 * GAMBLERS))) / 2, dtype=np.float64)


@dataclass(frozen=True)
class Strengths:
    """Log-odds strengths ``(items,)``, whose mean is 0, with their intervals over people."""

    value: FloatArray
    low: FloatArray
    high: FloatArray


def fit_strengths(wins: npt.ArrayLike, *, precision: float = PRECISION) -> FloatArray:
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


def strengths(people: Sequence[npt.ArrayLike]) -> Strengths:
    """Strengths from the wins of each person, ``(items, items)`` a person, with intervals that hold at any look.

    The estimate is nearly a mean over people of how far each pulls it (its influence function), and the intervals are
    those of an asymptotic confidence sequence around that mean, narrowest at ``TIGHTEST`` people (Waudby-Smith, Arbour,
    Sinha, Kennedy & Ramdas 2024). All together hold with ``1 - ALPHA``, once there are people enough; one person has
    none. Raises ``ValueError`` without people.
    """
    if not len(people):
        raise ValueError("strengths need the answers of one person at least")
    tables = np.stack([np.asarray(each, dtype=np.float64) for each in people])
    value, n, items = fit_strengths(tables.sum(axis=0)), len(tables), tables.shape[1]
    half = np.full(items, np.inf)
    if n > 1:
        p = 1 / (1 + np.exp(value[None, :] - value[:, None]))
        compared = tables + tables.transpose(0, 2, 1)
        weight = (compared * p * (1 - p)).sum(axis=0)
        hessian = np.diag(weight.sum(axis=1) + PRECISION) - weight
        gradients = (tables - compared * p).sum(axis=2)
        influence = n * np.linalg.solve(hessian, gradients.T)
        influence -= influence.mean(axis=0)  # strengths are told around their mean
        half = influence.std(axis=1, ddof=1) * _width(n, ALPHA / items)
    return Strengths(value, value - half, value + half)


def _width(n: int, alpha: float) -> float:
    """Half the width of the confidence sequence of a mean of ``n`` values, in their standard deviations."""
    rho = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha)) + 1) / TIGHTEST  # squared
    return math.sqrt(2 * (n * rho + 1) / (n**2 * rho) * math.log(math.sqrt(n * rho + 1) / alpha))


@dataclass(frozen=True)
class Power:
    """How often a study finds a preference of each true share, and the smallest that it finds 8 times in 10."""

    shares: FloatArray
    found: FloatArray
    smallest: float | None


def power(studies: Sequence[IntArray], *, alpha: float = ALPHA, chance: float = 0.5) -> Power:
    """Simulate studies in which people compare two systems.

    A study finds a preference where its interval, which holds at any look, lies above ``chance`` (a half, or of several
    answers the share that guessing has right) once everybody has answered.

    Args:
        studies: how often each person answers, ``(people,)`` a study; 0: not at all, and then they don't count.
        alpha: of the interval, after the correction for all that is compared.
        chance: the smallest share that is simulated.
    """
    generator = np.random.default_rng(0)
    shares = SHARES if chance == SHARES[0] else tuple(np.arange(chance, MOST + 0.01, 0.02).round(2).tolist())
    answers = [each[each > 0] for each in studies]
    found = [_share_that_find(_simulated_shares(share, answers, generator), chance, alpha) for share in shares]
    enough = [share for share, often in zip(shares, found, strict=True) if share > chance and often >= WANTED]
    return Power(np.array(shares), np.array(found), enough[0] if enough else None)


def power_apart(studies: Sequence[IntArray], rival: float, *, alpha: float = ALPHA) -> float | None:
    """The smallest share that such studies find above a ``rival``'s, 8 times in 10; None where they find none.

    The interval of the mean difference is looked at, over those who answer about both.

    Args:
        studies: how often each person answers about either, ``(people, 2)`` a study.
        rival: the share of the one.
        alpha: as above.
    """
    generator = np.random.default_rng(0)
    both = [each[each.all(axis=1)] for each in studies]
    for share in np.arange(rival + 0.02, MOST + 0.01, 0.02).round(2).tolist():
        ours = _simulated_shares(share, [each[:, 0] for each in both], generator)
        others = _simulated_shares(rival, [each[:, 1] for each in both], generator)
        apart = [(a - b + 1) / 2 for a, b in zip(ours, others, strict=True)]
        if _share_that_find(apart, 0.5, alpha) >= WANTED:
            return float(share)
    return None


def _share_that_find(studies: Sequence[FloatArray], chance: float, alpha: float) -> float:
    """How many of the studies, with the shares of their people, have an interval above ``chance``."""
    return float(np.mean([mean_log_capital(each, chance) >= math.log(2 / alpha) for each in studies]))


def _simulated_shares(share: float, studies: Sequence[IntArray], generator: np.random.Generator) -> list[FloatArray]:
    """Each person's share of so many answers for the better system, ``(people,)`` a study, whose mean is ``share``."""
    answers = np.concatenate(studies)
    own = _centre(share, math.hypot(PEOPLE_SD, ANSWERS_SD)) + PEOPLE_SD * generator.standard_normal(len(answers))
    chosen = generator.binomial(answers, np.interp(own, *_chances())) / answers
    return np.split(chosen, np.cumsum([len(each) for each in studies])[:-1])


@cache
def _chances() -> tuple[FloatArray, FloatArray]:
    """Log-odds of a person, and the chance of an answer for the better system; answers differ (Gauss-Hermite)."""
    points, weights = np.polynomial.hermite_e.hermegauss(40)
    own = np.linspace(-12, 12, 1201)
    return own, (weights / (1 + np.exp(-(own[:, None] + ANSWERS_SD * points)))).sum(axis=1) / weights.sum()


def _centre(share: float, spread: float) -> float:
    """The log-odds around which people differ where ``share`` of all answers is wanted (Gauss-Hermite, bisection)."""
    points, weights = np.polynomial.hermite_e.hermegauss(40)
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        mean = float((weights / (1 + np.exp(-(middle + spread * points)))).sum() / weights.sum())
        low, high = (middle, high) if mean < share else (low, middle)
    return (low + high) / 2
