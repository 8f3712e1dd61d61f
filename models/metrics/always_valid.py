"""Win rates whose intervals hold at every moment: one may look after each vote and stop when one likes.

A gambler bets on each next vote that wins come with more than the chance ``m``; if no vote's chance is above ``m``, the
capital is a non-negative supermartingale and ever reaches ``2 / alpha`` with probability ``alpha / 2`` at most (Ville
1939; betting: Waudby-Smith & Ramdas 2024). Here the capital is the mean of those of many gamblers, each betting a fixed
share (Robbins' 1970 mixtures; Cover's universal portfolio), so that it depends on counts alone. The same is done
for losses. The interval holds the ``m`` that neither gambler has refuted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt

from models.metrics.intervals import Figure

FloatArray = npt.NDArray[np.float64]

GAMBLERS = 96
ALPHA = 0.05


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
    logs = np.log1p(_shares()[:, None] * (values[None, :] - mean) / mean).sum(axis=1)
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
