"""What may come next is drawn as often as it is likely, and nothing else is drawn."""

import numpy as np
import pytest

from models.music.tokens import BAR, END
from models.style.pieces.grammar import draw, position_logits

LOGITS = np.log(np.array([0.1, 0.5, 0.05, 0.35], dtype=np.float32))
DRAWS = 2000


def shares(logits, temperature=1.0, top_p=1.0):
    """How often each class is drawn, over all uniform numbers."""
    uniform = (np.arange(DRAWS, dtype=np.float32) + 0.5) / DRAWS
    heat, nucleus = (np.full(DRAWS, value, dtype=np.float32) for value in (temperature, top_p))
    drawn = draw(np.tile(logits, (DRAWS, 1)), uniform, heat, nucleus)
    return np.bincount(drawn, minlength=len(logits)) / DRAWS


@pytest.mark.parametrize(
    ("temperature", "top_p", "expected"),
    [
        (1.0, 1.0, [0.1, 0.5, 0.05, 0.35]),
        (1.0, 0.9, [0.1 / 0.95, 0.5 / 0.95, 0, 0.35 / 0.95]),  # the one that passes .9 is still in
        (1.0, 0.8, [0, 0.5 / 0.85, 0, 0.35 / 0.85]),
        (1.0, 0.0, [0, 1, 0, 0]),
        (0.5, 1.0, np.array([0.01, 0.25, 0.0025, 0.1225]) / 0.385),
        (0.0, 1.0, [0, 1, 0, 0]),
    ],
)
def test_classes_are_drawn_as_often_as_they_are_likely(temperature, top_p, expected):
    assert shares(LOGITS, temperature, top_p) == pytest.approx(expected, abs=1.5 / DRAWS)


def test_what_may_not_be_is_never_drawn():
    logits = np.where([True, False, True, False], LOGITS, -np.inf)
    assert shares(logits) == pytest.approx([2 / 3, 0, 1 / 3, 0], abs=1.5 / DRAWS)


def test_each_row_has_its_own_temperature_and_nucleus():
    uniform = np.full(3, 0.999, dtype=np.float32)
    drawn = draw(np.tile(LOGITS, (3, 1)), uniform, np.array([1, 0, 1], np.float32), np.array([1, 1, 0.8], np.float32))
    assert drawn.tolist() == [2, 1, 3]


def test_notes_keep_their_order_within_the_bar_and_the_bar_before_the_last_one_goes_on():
    logits = np.zeros((3, END + 1), dtype=np.float32)
    last, length, notes = np.array([BAR, 12, 12]), np.array([48, 48, 24]), np.array([0, 1, 1])
    room = np.array([True, True, False])
    number = np.array([1, 3, 4])
    found = position_logits(logits, last, length, notes, number, room=room, earliest=4, latest=4)
    may = [np.flatnonzero(np.isfinite(row)).tolist() for row in found]
    assert may == [[*range(48), BAR], [*range(12, 48), BAR], [*range(13, 24), END]]
    assert found[:, [BAR, END]].max(1) == pytest.approx(np.log(2)), "the one that may come has the weight of both"
