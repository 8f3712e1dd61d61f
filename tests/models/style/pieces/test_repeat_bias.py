"""Bars that come again are heard again: the next note of the earlier bar is made likelier, and the rest is free."""

from __future__ import annotations

import numpy as np
import pytest

from models.music.notes import Piece
from models.music.tokens import BAR, DURATION, LENGTH, METER, PITCH, POSITION, TEMPO, VELOCITY
from models.style.pieces import sampling
from models.style.pieces.conditions import (
    ABSENT,
    CONDITIONS,
    LOWEST,
    OF_MOOD,
    OF_RETURNS,
    Wishes,
    likeness_of,
    whole_tokens,
)
from models.style.pieces.grammar import RepeatBias
from models.style.pieces.model import tiny_pieces
from models.style.pieces.writing import Writing


def bar() -> np.ndarray:
    step = np.full(7, ABSENT)
    step[[POSITION, METER, LENGTH, TEMPO]] = BAR, 0, 48, 10
    return step


def note(position: int, pitch: int, duration: int = 12) -> np.ndarray:
    step = np.full(7, ABSENT)
    step[[POSITION, PITCH, DURATION, VELOCITY]] = position, pitch, duration, 4
    return step


def after(*steps: np.ndarray, back: int = 1) -> RepeatBias:
    """One piece: a bar of a third at 0 and a note at 24, then a bar that comes again and ``steps`` of it."""
    found, number = RepeatBias(1), 0
    for step in (bar(), note(0, 60, 5), note(0, 64, 6), note(24, 67, 7), bar(), *steps):
        number += int(step[POSITION] == BAR)
        found.follow(step[None], np.array([number]), np.array([back if number == 2 else 0]))
    return found


def expected(returning: RepeatBias, element: int, position: int = ABSENT, pitch: int = ABSENT) -> list[int]:
    step = np.full((1, 7), ABSENT)
    step[0, [POSITION, PITCH]] = position, pitch - int(LOWEST[PITCH]) if pitch >= 0 else ABSENT
    return (np.flatnonzero(returning.expected(element, step)[0]) + LOWEST[element]).tolist()


def test_the_next_note_of_the_bar_that_comes_again_is_expected() -> None:
    assert expected(after(), POSITION) == [0]
    assert expected(after(), PITCH, 0) == [60]
    assert expected(after(), DURATION, 0, 60) == [5]
    assert expected(after(), DURATION, 0, 61) == []
    assert expected(after(note(0, 60)), POSITION) == [0]
    assert expected(after(note(0, 60)), PITCH, 0) == [64]
    assert expected(after(note(0, 64)), POSITION) == [24], "what was passed over does not come any more"
    assert expected(after(note(12, 62)), POSITION) == [24]
    assert expected(after(note(12, 62)), PITCH, 12) == []
    assert expected(after(note(24, 67)), POSITION) == []
    assert expected(after(), POSITION, BAR) == [0]


@pytest.mark.parametrize("back", [0, ABSENT, 9])
def test_in_a_new_bar_nothing_is_expected(back) -> None:
    assert expected(after(back=back), POSITION) == []


def test_a_copy_goes_on_with_what_its_source_has_heard() -> None:
    found = RepeatBias(2)
    for pitch in ((60, 62), (64, 65)):
        for step in (np.stack([bar(), bar()]), np.stack([note(0, pitch[0]), note(0, pitch[1])])):
            found.follow(step, np.array([1, 1]), np.array([0, 0]))
    found.choose(np.array([1, 1]))
    found.follow(np.stack([bar(), bar()]), np.array([2, 2]), np.array([1, 1]))
    step = np.full((2, 7), ABSENT)
    step[:, POSITION] = 0
    both = found.expected(PITCH, step).argmax(axis=1) + LOWEST[PITCH]
    assert both.tolist() == [65, 65]


@pytest.mark.slow
def test_a_section_returns_though_the_model_never_learned_to_copy(drawing) -> None:
    def likeness(nats: float) -> float:
        pieces = drawing(tiny_pieces(), "dance", returning=nats).compose(
            "dance", count=4, bars=8, seed=1, form="AA", regular=True
        )
        tables = [likeness_of(whole_tokens(piece)) for piece in pieces]
        return float(np.mean([table[row, row - 4] for table in tables for row in range(len(table) - 4, len(table))]))

    assert likeness(0.0) < 0.3
    assert likeness(12.0) > 0.9


def test_excerpts_have_a_number_of_their_own(drawing) -> None:
    def excerpts(**nats: float) -> list[Piece]:
        places = [sampling.Place(0, 8, (0, 0, 0, 0, 4, 4, 4, 4))] * 4
        return drawing(tiny_pieces(), "dance", **nats).excerpts("dance", [(1, n) for n in range(4)], 8, places)

    def likeness(pieces: list[Piece]) -> float:
        tables = [likeness_of(whole_tokens(piece)) for piece in pieces]
        return float(np.mean([table[row, row - 4] for table in tables for row in range(len(table) - 4, len(table))]))

    plain, whole, within = excerpts(), excerpts(returning=12.0), excerpts(returning_excerpts=12.0)
    for one, other in zip(plain, whole, strict=True):
        np.testing.assert_array_equal(one.notes, other.notes)
    assert likeness(plain) < 0.3
    assert likeness(within) > 0.7


@pytest.mark.parametrize(
    ("pitches", "back", "coming"),
    [([60, 60], 1, []), ([60, 60], 2, []), ([60, 64], 1, [0]), ([60, 60, 64], 2, [0]), ([64, 60, 60], 3, [0])],
)
def test_what_was_heard_twice_just_before_is_expected_no_third_time(pitches, back, coming) -> None:
    found = RepeatBias(1)
    for number, pitch in enumerate(pitches, 1):
        for step in (bar(), note(0, pitch)):
            found.follow(step[None], np.array([number]), np.array([0]))
    found.follow(bar()[None], np.array([len(pitches) + 1]), np.array([back]))
    assert expected(found, POSITION) == coming


def test_what_plays_on_returns_to_the_bars_that_were_given(monkeypatch) -> None:
    prompt = np.stack([bar(), note(0, 60), note(24, 67)]).astype(np.int16)
    writing = Writing(tiny_pieces().model, Wishes(1, 2, regular=True, returns={2: 1}, repeat_bias=30.0), [(3,)], prompt)
    while not writing.ended.all():
        writing.step()
    again = writing.pieces()[0][len(prompt) :]
    again = again[again[:, POSITION] < BAR]
    assert [(int(at), int(pitch)) for at, pitch in again[:, [POSITION, PITCH]]][:2] == [(0, 60), (24, 67)]


@pytest.mark.parametrize(("returning", "mood", "told"), [(0.0, (0, 0), ABSENT), (2.0, (5, 5), 1)])
def test_where_bars_return_anyway_guidance_is_by_mood_alone(returning, mood, told) -> None:
    wishes = Wishes(1, 4, returns={2: 1}, repeat_bias=returning, mood=mood, guidance=3.0)
    writing = Writing(tiny_pieces().model, wishes, [(0,)])
    assert writing.guided
    conditions = np.full((1, 1, len(CONDITIONS)), 1)
    _, told_along, _ = writing._inputs(np.zeros((1, 1, 7), dtype=np.int64), conditions, np.zeros((1, 1), np.float32))
    without = told_along[1]
    assert without[0, OF_RETURNS] == told
    assert without[0, OF_MOOD].tolist() == [0, 0]


def test_a_piece_without_a_mood_whose_bars_return_anyway_is_computed_once() -> None:
    wishes = Wishes(1, 4, returns={2: 1}, repeat_bias=2.0, guidance=3.0)
    assert not Writing(tiny_pieces().model, wishes, [(0,)]).guided
