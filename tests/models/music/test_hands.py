"""Which hand plays what: known textures, and what holds for any piece."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from models.music.engraving import right_hand
from models.music.notes import Piece
from tests.models.music.test_abc_writer import piece_of, pieces


def test_a_tune_above_chords_is_the_right_hands_and_its_own_chords_too() -> None:
    tune = [(24 * beat, 24, pitch, 80) for beat in range(8) for pitch in (67 + beat, 76 + beat)]
    chords = [(48 * half, 48, pitch, 60) for half in range(4) for pitch in (43, 50, 55)]
    piece = piece_of([*tune, *chords], 2)
    assert (right_hand(piece) == (piece.notes[:, 2] >= 67)).all()


def test_no_hand_spans_what_it_cannot_reach() -> None:
    piece = piece_of([(96 * bar, 96, pitch, 80) for bar in range(4) for pitch in (48, 57, 62, 69)], 4)
    right = right_hand(piece)
    for hand in (right, ~right):
        assert np.ptp(piece.notes[hand, 2]) <= 14


def test_a_low_introduction_is_the_left_hands() -> None:
    piece = piece_of([(24 * beat, 24, 40 + beat % 5, 80) for beat in range(8)], 2)
    assert not right_hand(piece).any()


def test_the_hands_stay_where_they_are_for_a_few_notes_in_the_middle() -> None:
    low = [(24 * beat, 24, 45, 60) for beat in range(12)]
    high = [(24 * beat, 24, 61 if beat == 5 else 72, 80) for beat in range(12)]
    piece = piece_of([*low, *high], 3)
    assert (right_hand(piece) == (piece.notes[:, 2] > 45)).all()


@settings(max_examples=25, deadline=None)
@given(pieces())
def test_in_each_bar_the_right_hand_is_above_the_left(piece: Piece) -> None:
    right = right_hand(piece)
    bar = np.searchsorted(piece.bars[:, 0], piece.notes[:, 0], side="right")
    for number in set(bar.tolist()):
        ours, theirs = piece.notes[(bar == number) & right, 2], piece.notes[(bar == number) & ~right, 2]
        assert not (len(ours) and len(theirs)) or ours.min() > theirs.max()
