import numpy as np
import pytest

from models.tension.liking import MOST, STEP, cost

OPENNESS = np.random.default_rng(0).normal(5.0, 0.3, 200)
STANDARD = (OPENNESS - OPENNESS.mean()) / OPENNESS.std()


def test_in_the_middle_nothing_is_lost():
    assert not cost(OPENNESS, 0).any()
    assert cost([], 2).shape == (0,)


def test_the_cheapest_lies_where_the_dial_says_and_costs_grow_away_from_it() -> None:
    for step in (-2, -1, 1, 2):
        lost = cost(OPENNESS, step)
        assert STANDARD[lost.argmin()] == pytest.approx(STEP * step, abs=0.1)
        assert np.corrcoef(lost, np.abs(STANDARD - STEP * step))[0, 1] == pytest.approx(1)
        assert lost[STANDARD.argmax()] > lost.min() + 0.5  # also at the tense end: noise is the most open


def test_alike_pieces_are_alike_and_no_step_goes_further():
    assert len(set(cost([4.0, 4.0, 4.0], 1))) == 1
    with pytest.raises(ValueError, match=r"-2 .* to 2"):
        cost(OPENNESS, MOST + 1)
