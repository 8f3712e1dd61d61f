"""Forms are those of real pieces, and what is drawn from them fits what has begun.

Forms that are asked for, and those that are heard in the notes.

Where real music lies: tunes in few keys, transposed at random, are brought back.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.music.notes import Piece
from models.music.tokens import LOWEST_PITCH
from models.style.pieces import forms
from models.style.pieces.conditions import regular_tokens
from models.style.pieces.forms import (
    SHIFTS,
    Transposition,
    heard_form,
    load_transpositions,
    save_transpositions,
    sounding_bars,
    wanted_form,
)
from models.style.pieces.model import tiny_pieces
from models.style.pieces.sampling import Writer

MAJOR = np.array([0, 2, 4, 5, 7, 9, 11, 12])


def tune(rng: np.random.Generator, tonic: int) -> Piece:
    """Thirty-two quavers in four bars of a major key from ``tonic`` up an octave."""
    onset = np.arange(32) * 12
    pitch = tonic + MAJOR[rng.integers(0, 8, 32)]
    bars = [(96 * n, 96, 4, 4) for n in range(4)]
    return Piece(
        notes=np.stack([onset, np.full(32, 12), pitch, np.full(32, 70)], axis=1).astype(np.int32),
        bars=np.array(bars, dtype=np.int32),
        tempo_bpm=np.full(4, 100, dtype=np.float32),
        domain="dance",
    )


@pytest.fixture(scope="module")
def known() -> Transposition:
    """Learned from tunes in D and G."""
    rng = np.random.default_rng(0)
    return Transposition.fit([tune(rng, tonic) for tonic in (62, 67) * 40])


def test_a_tune_in_a_foreign_key_is_brought_to_one_that_is_used(known):
    rng = np.random.default_rng(1)
    keys = [int(known.moved(tune(rng, tonic), rng).notes[:, 2].min()) for tonic in range(60, 72) for _ in range(8)]
    assert np.mean([key in {62, 67} for key in keys]) > 0.8
    assert {62, 67} <= set(keys)


def test_real_pieces_are_likelier_where_they_are_than_elsewhere(known):
    rng = np.random.default_rng(2)
    chances = np.mean([known.chances(tune(rng, tonic)) for tonic in (62, 67) * 20], axis=0)
    assert chances.sum() == pytest.approx(1)
    assert SHIFTS[chances.argmax()] == 0
    assert chances.max() > 2 / len(SHIFTS)


def test_nothing_is_moved_to_where_the_model_has_no_pitches(known):
    lowest = tune(np.random.default_rng(3), 62).transposed(-40)
    chances = known.chances(lowest)
    assert chances[lowest.notes[:, 2].min() + SHIFTS < LOWEST_PITCH].sum() == 0
    silent = Piece(notes=lowest.notes[:0], bars=lowest.bars, tempo_bpm=lowest.tempo_bpm)
    assert known.moved(silent, np.random.default_rng(0)) is silent


@pytest.mark.slow
def test_what_is_known_is_kept_beside_the_card_and_asked_by_the_writer(known, tmp_path):
    save_transpositions(tmp_path, {"dance": known})
    back = load_transpositions(tmp_path)["dance"]
    assert np.allclose(back.table, known.table, atol=1e-3)
    assert np.allclose(back.weights, known.weights, atol=1e-3)
    assert load_transpositions(None) == {}
    writer = Writer(tiny_pieces())
    before = writer.compose("dance", count=6, bars=4, seed=1)
    writer.transpositions = {"dance": known}
    after = writer.compose("dance", count=6, bars=4, seed=1)
    shifts = [set((b.notes[:, 2] - a.notes[:, 2]).tolist()) for a, b in zip(before, after, strict=True) if len(a.notes)]
    assert all(len(each) == 1 for each in shifts)
    assert set.union(*shifts) != {0}


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


def test_a_form_says_how_many_bars_back_each_whole_bar_was_heard(tune) -> None:
    piece = tune(1, bars=3, meter=(3, 4))
    twice = piece.followed_by(piece)
    assert forms.form_of(regular_tokens(twice)) == (*forms.form_of(regular_tokens(piece)), 3, 3, 3)
    half = replace(piece, bars=piece.bars[:1] - [[0, 24, 0, 0]], tempo_bpm=piece.tempo_bpm[:1], notes=piece.notes[:1])
    assert half.has_pickup
    assert len(forms.form_of(regular_tokens(half.followed_by(twice)))) == 6


def test_forms_are_kept_beside_the_card(tune, tmp_path) -> None:
    found = forms.forms_of([tune(seed, bars=8) for seed in range(4)])
    assert set(found) == {"dance"}
    assert [len(form) for form in found["dance"]] == [8] * 4
    forms.save_forms(tmp_path, found)
    assert forms.load_forms(tmp_path) == found
    assert forms.load_forms(tmp_path / "nowhere") == forms.load_forms(None) == {}


def test_a_form_is_drawn_that_begins_alike_and_is_about_as_long(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    known = [(0, 0, 0, 0, 4, 4), (0, 0, 2, 2, 4, 4, 4, 4), (0, 0, 2, 2, 0, 0, *[4] * 50), (0, 0)]
    monkeypatch.setattr(forms, "NEAREST", 1)
    assert forms.drawn_like(known, 5, (), rng) == (0, 0, 0, 0, 4)  # the shortest that is long enough
    assert forms.drawn_like(known, 5, (0, 0, 2), rng) == (0, 0, 2, 2, 4)
    assert forms.drawn_like(known, 60, (0,), rng) == ()
    ends = [(0, 0, 0, 0, 4, 4, 4, 4, 8, 0)]
    assert forms.drawn_like(ends, 8, (), rng) == (0, 0, 0, 0, 4, 4, 4, 4)
    assert forms.drawn_like(ends, 8, (), rng, ending=True) == (0, 0, 0, 0, 4, 4, 0, 0)  # nothing lies eight bars back
    assert forms.drawn_like(ends, 9, (), rng, ending=True) == (0, 0, 0, 0, 4, 4, 4, 0, 0)
    assert forms.drawn_like([(0, 1, 2)], 2, (), rng, ending=True) == (0, 1)
    monkeypatch.setattr(forms, "NEAREST", 8)
    assert len({forms.drawn_like(known, 6, (), rng) for _ in range(50)}) == 3
    as_long = [(number, 0) for number in range(40)]
    assert len({forms.drawn_like(as_long, 2, (), rng) for _ in range(500)}) == 40  # not always the first of them
