from __future__ import annotations

import choix
import numpy as np
import pytest

from models.metrics import intervals


def compared(strengths: np.ndarray, n: int, generator: np.random.Generator) -> list[tuple[int, int]]:
    pairs = generator.integers(len(strengths), size=(n, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    first = generator.random(len(pairs)) < 1 / (1 + np.exp(strengths[pairs[:, 1]] - strengths[pairs[:, 0]]))
    return [(int(a), int(b)) if won else (int(b), int(a)) for (a, b), won in zip(pairs, first, strict=True)]


def table(pairs: list[tuple[int, int]], n: int) -> np.ndarray:
    wins = np.zeros((n, n))
    for a, b in pairs:
        wins[a, b] += 1
    return wins


def test_strengths_are_those_of_choix() -> None:
    generator = np.random.default_rng(3)
    pairs = compared(generator.standard_normal(5), 400, generator)
    theirs = choix.opt_pairwise(5, pairs, alpha=0.1 / 2)  # its penalty has no half
    ours = intervals.fit_strengths(table(pairs, 5), precision=0.1)
    assert ours == pytest.approx(theirs - theirs.mean(), abs=1e-4)


def test_what_always_wins_has_a_finite_strength_and_a_tie_favours_nobody() -> None:
    assert np.isfinite(intervals.fit_strengths([[0, 20], [0, 0]])).all()
    assert intervals.fit_strengths([[0, 5], [5, 0]]) == pytest.approx([0, 0])


@pytest.mark.slow
def test_intervals_hold_the_truth_at_every_look() -> None:
    truth = np.array([0.6, 0.0, -0.6])
    generator = np.random.default_rng(0)
    held, last = [], []
    for _ in range(60):
        people = [table(compared(truth, 12, generator), 3) for _ in range(60)]
        looks = [intervals.strengths(people[:n]) for n in range(10, 61, 2)]
        held.append(all(((found.low <= truth) & (truth <= found.high)).all() for found in looks))
        last.append(looks[-1].high - looks[-1].low)
    assert np.mean(held) >= 0.9
    assert np.mean(last) < 0.9  # log-odds; so they say something


def test_people_who_agree_among_themselves_say_less_than_as_many_answers_of_others() -> None:
    generator = np.random.default_rng(1)
    views = [table(compared(np.array([own, -own]), 30, generator), 2) for own in generator.normal(0, 1.5, 30)]
    alike = [table(compared(np.zeros(2), 30, generator), 2) for _ in range(30)]
    wide, narrow = (intervals.strengths(people) for people in (views, alike))
    assert wide.high[0] - wide.low[0] > 1.5 * (narrow.high[0] - narrow.low[0])
