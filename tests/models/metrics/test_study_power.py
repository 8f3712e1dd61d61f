"""A simulated study rarely finds what is not there, and finds more with more people."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import expit

from models.metrics import intervals


def people(count: int, answers: int | tuple[int, int], studies: int = 100) -> list[npt.NDArray[np.int64]]:
    """Studies in which everybody answers equally often, about one system or about two."""
    return [np.full((count, *np.shape(answers)), answers)] * studies


def test_more_people_find_smaller_preferences_and_nobody_finds_what_is_not_there() -> None:
    few, many = intervals.power(people(15, 10)), intervals.power(people(120, 10))
    assert few.smallest is not None
    assert many.smallest is not None
    assert many.smallest < few.smallest
    assert few.found[0] <= 0.05
    assert many.found[0] <= 0.05
    assert many.found[-1] == 1.0


def test_what_guessing_has_right_is_not_found_and_what_is_far_above_it_or_a_rival_is() -> None:
    found = intervals.power(people(30, 4), chance=0.25)
    assert (found.shares[0], found.found[0]) == (0.25, pytest.approx(0.0, abs=0.05))
    of_two = intervals.power(people(30, 4)).smallest
    assert found.smallest is not None
    assert of_two is not None
    assert 0.25 < found.smallest < of_two
    near, far = (intervals.power_apart(people(count, (4, 4)), 0.6) for count in (200, 30))
    assert near is not None
    assert far is not None
    assert 0.6 < near < far
    assert intervals.power_apart(people(3, (1, 1), 50), 0.6) is None


def test_who_never_answers_shows_nothing() -> None:
    some = intervals.power([np.repeat([0, 4], 30)] * 100)
    assert some.smallest == intervals.power(people(30, 4)).smallest
    assert intervals.power(people(30, 0)).found.max() == 0
    assert intervals.power_apart([np.repeat([[4, 0], [0, 4]], 30, axis=0)] * 50, 0.6) is None


def test_simulated_answers_have_the_share_that_was_asked_for_and_the_spread_between_people() -> None:
    generator = np.random.default_rng(1)
    for share in (0.5, 0.7, 0.9):
        drawn = np.concatenate(intervals._simulated_shares(share, people(30, 10, 200), generator))
        assert drawn.mean() == pytest.approx(share, abs=0.01)
        centre = intervals._centre(share, np.hypot(intervals.PEOPLE_SD, intervals.ANSWERS_SD))
        own = centre + intervals.PEOPLE_SD * generator.standard_normal((6_000, 1))
        each = own + intervals.ANSWERS_SD * generator.standard_normal((6_000, 10))
        assert drawn.std() == pytest.approx((generator.random(each.shape) < expit(each)).mean(axis=1).std(), abs=0.01)
