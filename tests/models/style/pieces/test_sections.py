"""Forms that are asked for, and those that are heard in the notes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.music.notes import Piece
from models.style.pieces.forms import heard_form, sounding_bars, wanted_form

BAR = 96  # ticks


def piece_of(form: str, bars: int = 4) -> Piece:
    """A section of ``bars`` bars for each letter, all of whose notes come again where the letter does."""
    tunes = {letter: np.random.default_rng(ord(letter)).integers(60, 84, (bars, 8)) for letter in set(form)}
    pitch = np.concatenate([tunes[letter] for letter in form]).reshape(-1)
    onset = np.arange(len(pitch)) * (BAR // 8)
    notes = np.stack([onset, np.full(len(pitch), BAR // 8), pitch, np.full(len(pitch), 70)], axis=1)
    count = bars * len(form)
    return Piece(
        notes=notes.astype(np.int32),
        bars=np.array([(BAR * n, BAR, 4, 4) for n in range(count)], dtype=np.int32),
        tempo_bpm=np.full(count, 100, dtype=np.float32),
    )


def with_pickup(piece: Piece) -> Piece:
    """A crotchet of silence and sound before the first bar."""
    notes, bars = piece.notes.copy(), piece.bars.copy()
    notes[:, 0] += BAR // 4
    bars[:, 0] += BAR // 4
    first = np.array([[0, BAR // 4, 72, 70]], dtype=np.int32)
    return Piece(
        notes=np.concatenate([first, notes]),
        bars=np.concatenate([np.array([[0, BAR // 4, 4, 4]], dtype=np.int32), bars]),
        tempo_bpm=np.concatenate([piece.tempo_bpm[:1], piece.tempo_bpm]),
    )


@pytest.mark.parametrize("form", ["AABB", "AABA", "ABACA", "ABC"])
def test_sections_that_come_again_are_heard_also_behind_a_pickup(form):
    assert heard_form(piece_of(form), 4) == form
    assert heard_form(with_pickup(piece_of(form)), 4) == form


def test_a_section_that_is_varied_comes_again_and_one_that_is_mostly_new_does_not():
    piece = piece_of("AB")
    second = piece.notes[:, 0] >= 4 * BAR
    for kept, form in ((3, "AA"), (1, "AB")):
        notes = piece.notes.copy()
        notes[second, 2] = notes[~second, 2]
        notes[notes[:, 0] >= (4 + kept) * BAR, 2] = 61
        assert heard_form(replace(piece, notes=notes), 4) == form


def test_what_has_one_section_or_very_many_has_no_form():
    assert heard_form(piece_of("A"), 4) == ""
    assert heard_form(piece_of("AB" * 9), 4) == ""
    assert heard_form(piece_of("ABA").window(0, 11), 4) == "ABA"


def test_a_pickup_and_silence_around_a_piece_are_no_bars_of_a_section():
    piece = piece_of("AB")
    assert sounding_bars(piece) == sounding_bars(with_pickup(piece)) == 8
    silent = replace(piece, notes=piece.notes[(piece.notes[:, 0] >= BAR) & (piece.notes[:, 0] < 6 * BAR)])
    assert sounding_bars(silent) == 5
    assert sounding_bars(replace(piece, notes=piece.notes[:0])) == 0


def test_a_form_may_be_asked_for_in_any_letters_case():
    assert wanted_form(" a a b a ") == "AABA"
    assert wanted_form("") == ""


@pytest.mark.parametrize("text", ["A", "BA", "AAC", "AABBCCDDE", "A1", "verse"])
def test_what_is_no_form_is_refused_with_what_is_allowed(text):
    with pytest.raises(ValueError, match=f"“{text}” is no form; 2 to 8 letters are allowed, such as AABA"):
        wanted_form(text)
