import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom

from models.metrics.intervals import bounded_mean, log_capital, mean_log_capital, win_rate

VOTES = 50
THRESHOLD = math.log(2 / 0.05)


def ever_outside(chance: float, outside: Callable[[int, int], bool]) -> float:
    """Probability that i.i.d. votes of this chance are ``outside`` (wins, losses) after any of VOTES votes, exactly."""
    alive, lost = {0: 1.0}, 0.0
    for n in range(1, VOTES + 1):
        step: dict[int, float] = {}
        for wins, p in alive.items():
            step[wins] = step.get(wins, 0) + p * (1 - chance)
            step[wins + 1] = step.get(wins + 1, 0) + p * chance
        lost += sum(p for wins, p in step.items() if outside(wins, n - wins))
        alive = {wins: p for wins, p in step.items() if not outside(wins, n - wins)}
    assert sum(alive.values()) + lost == pytest.approx(1)
    return lost


@pytest.mark.parametrize("chance", [0.5, 0.66, 0.95])
def test_a_constant_chance_is_ever_missed_by_at_most_five_percent_of_listeners(chance: float) -> None:
    def outside(wins: int, losses: int) -> bool:
        capitals = log_capital(wins, 0, losses, chance), log_capital(losses, 0, wins, 1 - chance)
        return max(capitals) >= THRESHOLD

    missed = ever_outside(chance, outside)
    assert 0.002 < missed <= 0.05  # it is no empty promise either: an interval of (0, 1) would never miss


@pytest.mark.parametrize("counts", [(9, 0, 2), (3, 4, 5), (40, 10, 30)])
def test_the_interval_holds_what_neither_gambler_has_refuted(counts: tuple[int, int, int]) -> None:
    wins, ties, losses = counts
    figure = win_rate(wins, ties, losses)
    assert log_capital(wins, ties, losses, figure.low) == pytest.approx(THRESHOLD)
    assert log_capital(losses, ties, wins, 1 - figure.high) == pytest.approx(THRESHOLD)
    assert log_capital(wins, ties, losses, figure.low - 0.02) > THRESHOLD


def test_with_ties_and_a_changing_chance_nobody_is_said_to_win_who_never_does() -> None:
    generator, refuted, known = np.random.default_rng(0), 0, {}
    for _ in range(400):
        wins = ties = losses = 0
        for n in range(60):
            chance = 0.5 if n % 3 else 0.2  # never above one half
            if generator.random() < 0.3:
                ties += 1
            elif generator.random() < chance:
                wins += 1
            else:
                losses += 1
            key = (wins, ties, losses)
            if key not in known:
                known[key] = log_capital(*key, 0.5) >= THRESHOLD
            if known[key]:
                refuted += 1
                break
    assert refuted <= binom.ppf(0.999, 400, 0.025)


def test_one_more_fair_bet_leaves_the_expected_capital_where_it_was() -> None:
    now = math.exp(log_capital(8, 1, 3, 0.45))
    won, lost = math.exp(log_capital(9, 1, 3, 0.45)), math.exp(log_capital(8, 1, 4, 0.45))
    assert 0.45 * won + 0.55 * lost == pytest.approx(now)
    assert math.exp(log_capital(8, 2, 3, 0.45)) == pytest.approx((won + lost) / 2)


def test_more_votes_tell_more_and_sides_are_treated_alike() -> None:
    few, many = win_rate(14, 2, 6), win_rate(140, 20, 60)
    assert few.value == many.value == pytest.approx(15 / 22)
    assert few.low < many.low < many.value < many.high < few.high
    other = win_rate(6, 2, 14)
    assert (other.low, other.high) == pytest.approx((1 - few.high, 1 - few.low))
    nothing = win_rate(0, 0, 0)
    assert math.isnan(nothing.value)
    assert (nothing.low, nothing.high, nothing.n) == (0, 1, 0)
    with pytest.raises(ValueError, match="negative"):
        win_rate(1, -1, 0)


def test_the_interval_of_a_mean_is_that_of_the_wins_where_values_are_wins_and_ties() -> None:
    values = [1.0] * 30 + [0.5] * 10 + [0.0] * 15
    ours, counted = bounded_mean(values), win_rate(30, 10, 15)
    assert (ours.value, ours.n) == (counted.value, counted.n)
    # a tie is half a win and half a loss there, and bets on it here: close, and never wider by much
    assert ours.low == pytest.approx(counted.low, abs=0.02)
    assert ours.high == pytest.approx(counted.high, abs=0.02)


@pytest.mark.slow
def test_the_interval_of_a_mean_holds_at_every_look() -> None:
    """People's shares are Beta distributed around .6, and somebody looks after each of 300 people."""
    generator = np.random.default_rng(5)
    missed = 0
    for _ in range(400):
        shares = generator.beta(1.5, 1, size=300)
        missed += any(
            max(mean_log_capital(each[:n], mean) for n in range(10, 301, 10)) >= THRESHOLD
            for each, mean in ((shares, 0.6), (1 - shares, 0.4))
        )
    assert missed / 400 <= 0.05
    assert bounded_mean(shares).low < 0.6 < bounded_mean(shares).high
