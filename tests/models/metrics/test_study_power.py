"""A simulated study rarely finds what is not there, and finds more with more people."""

from __future__ import annotations

import numpy as np
import pytest

from models.metrics import intervals


def test_more_people_find_smaller_preferences_and_nobody_finds_what_is_not_there() -> None:
    few, many = intervals.power(15, 10, studies=100), intervals.power(120, 10, studies=100)
    assert few.smallest is not None
    assert many.smallest is not None
    assert many.smallest < few.smallest
    assert few.found[0] <= 0.05
    assert many.found[0] <= 0.05
    assert many.found[-1] == 1.0


def test_what_guessing_has_right_is_not_found_and_what_is_far_above_it_or_a_rival_is() -> None:
    found = intervals.power(30, 4, studies=100, chance=0.25)
    assert (found.shares[0], found.found[0]) == (0.25, pytest.approx(0.0, abs=0.05))
    assert found.smallest is not None
    assert 0.25 < found.smallest < intervals.power(30, 4, studies=100).smallest  # type: ignore[operator]
    near, far = (intervals.power_apart(people, 4, 0.6, studies=100) for people in (200, 30))
    assert near is not None
    assert far is not None
    assert 0.6 < near < far
    assert intervals.power_apart(3, 1, 0.6, studies=50) is None


def test_simulated_answers_have_the_share_that_was_asked_for() -> None:
    for share in (0.5, 0.7, 0.9):
        drawn = intervals._simulated_shares(share, (200, 30, 10), np.random.default_rng(1))
        assert drawn.mean() == pytest.approx(share, abs=0.01)
