"""A mood costs the more the farther a piece lies from it, beside the pieces among which is chosen."""

import numpy as np
import pytest

from models.mood.labels import QUADRANTS, quadrant_of
from models.mood.liking import MOODS, WEIGHT, corner, cost

HEARD = np.random.default_rng(0).uniform(-0.8, 0.8, (200, 2))


def test_each_mood_is_the_corner_of_one_quadrant():
    corners = np.array([corner(mood) for mood in MOODS])
    assert quadrant_of(*corners.T).tolist() == list(range(len(QUADRANTS)))


def test_the_nearest_loses_nothing_and_others_the_more_the_farther_they_lie() -> None:
    for mood in MOODS:
        away, lost = np.linalg.norm(HEARD - corner(mood), axis=1), cost(HEARD, mood)
        assert lost[away.argmin()] == lost.min() == 0
        assert (lost.argsort() == away.argsort()).all()
        assert lost.std() == pytest.approx(WEIGHT)


def test_where_all_lie_on_one_side_the_least_of_them_is_wanted_as_much():
    calm = HEARD / 4 + [0.5, -0.5]
    assert cost(calm, "tense").std() == pytest.approx(WEIGHT)


def test_pieces_that_hardly_differ_lose_hardly_anything():
    assert not cost([[0.2, 0.3]] * 4, "sad").any()
    assert cost(HEARD / 1000, "happy").max() < 0.1
    assert cost([], "happy").shape == (0,)


def test_any_place_is_wanted_as_a_corner_is():
    place = (0.3, -0.2)
    away, lost = np.linalg.norm(HEARD - place, axis=1), cost(HEARD, place)
    assert (lost.argsort() == away.argsort()).all()
    assert (cost(HEARD, tuple(corner("sad"))) == cost(HEARD, "sad")).all()
