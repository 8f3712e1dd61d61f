"""Notes are drawn towards targets of their bar: what the last ones lack is a slope over the next one's logits."""

import numpy as np
import pytest

from models.music.tokens import BAR, DURATION, LENGTH, METER, PITCH, POSITION, TEMPO, VELOCITY
from models.style.pieces.conditions import ABSENT, BarTargets
from models.style.pieces.grammar import Steering
from models.style.pieces.model import tiny_pieces
from models.style.pieces.sampling import Writer

HIGHER = BarTargets(np.array([50.0, 70.0]), np.array([4.0, 12.0]), np.array([50.0, 90.0]), (5.0, 4.0, 6.0))

FOUR, NONE = np.array([48]), np.array([0])  # grid steps


def steps(field: int, value: int, *, rows: int = 1) -> np.ndarray:
    found = np.full((rows, 7), ABSENT)
    found[:, POSITION] = 0
    found[:, [PITCH, DURATION, VELOCITY]] = 50, 4, 12
    found[:, field] = value
    return found


def slope(steering: Steering, element: int, bar: int, passed: int = 0) -> float:
    found = steering.bias(element, np.array([0]), np.array([bar]), np.array([passed]), FOUR)[0]
    return float(found[1] - found[0])


def test_what_the_last_notes_lack_is_made_likelier_and_what_they_have_is_not() -> None:
    steering = Steering(HIGHER, 1)
    assert slope(steering, PITCH, 0) == 0
    assert slope(steering, PITCH, 1) > 0
    assert slope(steering, VELOCITY, 1) > 0
    assert slope(steering, POSITION, 1) < 0  # the next note comes sooner
    for _ in range(20):
        steering.follow(steps(PITCH, 90))
    assert slope(steering, PITCH, 1) < 0
    assert slope(steering, POSITION, 1) > 0  # there are more than enough
    assert not steering.bias(DURATION, np.array([0]), np.array([1]), NONE, FOUR).any()


def test_bars_behind_the_last_target_have_the_last_one() -> None:
    steering = Steering(HIGHER, 1)
    assert slope(steering, PITCH, 7) == slope(steering, PITCH, 1)


def test_the_notes_of_the_bar_before_count_as_long_as_this_one_has_hardly_begun() -> None:
    steering, bar = Steering(HIGHER, 1), np.full((1, 7), ABSENT)
    bar[:, [POSITION, METER, LENGTH, TEMPO]] = BAR, 0, 48, 10
    for _ in range(12):
        steering.follow(steps(POSITION, 3))
    steering.follow(bar)
    assert slope(steering, POSITION, 1, 0) == 0
    assert slope(steering, POSITION, 1, 24) < 0


def test_a_piece_goes_on_as_the_one_that_it_copies() -> None:
    steering = Steering(HIGHER, 2)
    step = steps(PITCH, 50, rows=2)
    step[1, PITCH] = 90
    steering.follow(step)
    steering.choose(np.array([1, 1]))
    low, high = steering.bias(PITCH, np.array([0, 1]), np.array([0, 0]), NONE, FOUR)
    np.testing.assert_array_equal(low, high)


@pytest.mark.slow
def test_a_piece_rises_and_grows_loud_where_its_targets_do() -> None:
    bars, half = 12, 6
    level = np.repeat([-1.5, 1.5], half)
    targets = BarTargets(60 + 6 * level, 6 + 2 * level, 64 + 10 * level, (6.0, 2.0, 10.0))
    writer = Writer(tiny_pieces())
    rises = {}
    for name, wished in (("plain", None), ("steered", targets)):
        pieces = writer.last_bars("dance", bars, 1, meter=(4, 4), tempo_bpm=120, targets=wished, count=4)
        assert len(pieces) == 4
        first, second = (
            np.concatenate([piece.window(len(piece.bars) - bars + at, half).notes for piece in pieces])
            for at in (0, half)
        )
        rises[name] = second[:, 2:].mean(0) - first[:, 2:].mean(0)
    assert rises["steered"][0] > rises["plain"][0] + 3
    assert rises["steered"][1] > rises["plain"][1] + 3
