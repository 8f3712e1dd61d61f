"""Copies of training melodies are recognised in any key; other melodies hardly ever.

Each reason not to offer a clip.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.music.notes import Piece
from models.style.fingerprint import Fingerprint, rejection_reason, two_bar_melodies

BARS = np.array([[bar * 96, 96, 4, 4] for bar in range(8)])


def clip(onsets, pitches) -> Piece:
    rows = [(onset, 12, pitch, 80) for onset, pitch in zip(onsets, pitches, strict=True)]
    return Piece(np.array(rows).reshape(-1, 4), BARS, np.full(8, 100.0))


def scale(count: int) -> list[int]:
    return [60 + index % 12 for index in range(count)]


@pytest.mark.parametrize(
    ("piece", "reason"),
    [
        (clip([], []), "silent"),
        (clip(range(0, 700, 100), scale(7)), "few_notes"),
        (clip(range(0, 768, 24), [60] * 24 + scale(8)), "one_note"),
        (clip(range(0, 768, 24), [60, 62] * 16), "one_note"),
        (clip(range(0, 400, 10), scale(40)), "gap"),
        (clip(range(400, 768, 10), scale(37)), "gap"),
        (clip(np.repeat(np.arange(0, 768, 2), 3), scale(384 * 3)), "too_dense"),
        (clip(range(0, 768, 24), scale(32)), None),
    ],
)
def test_a_clip_is_broken_for_a_reason(piece: Piece, reason: str | None) -> None:
    assert rejection_reason(piece) == reason


def test_more_than_two_bars_of_a_training_song_are_a_copy_and_two_are_not(tune) -> None:
    song, own = tune(1), tune(2)
    known = Fingerprint.of([song])
    assert rejection_reason(song, known) == "copy"
    assert rejection_reason(song.transposed(3), known) == "copy"
    assert rejection_reason(song) is None

    def with_bars_of_the_song(bars: int) -> Piece:
        borrowed, kept = song.notes[:, 0] < bars * 96, own.notes[:, 0] >= bars * 96
        return replace(own, notes=np.concatenate([song.notes[borrowed], own.notes[kept]]))

    assert known.copied_bars(with_bars_of_the_song(2)) in {0, 2}
    assert rejection_reason(with_bars_of_the_song(2), known) is None
    assert rejection_reason(with_bars_of_the_song(6), known) == "copy"


def test_a_song_that_somebody_brought_may_come_again_and_no_other_one(tune) -> None:
    brought, other = tune(1), tune(2)
    known = Fingerprint.of([brought, other])
    again = brought.transposed(5).followed_by(tune(3))
    assert rejection_reason(again, known) == "copy"
    assert rejection_reason(again, known, brought) is None
    assert rejection_reason(brought.followed_by(other), known, brought) == "copy"


@pytest.fixture(scope="module")
def known(tune) -> Fingerprint:
    return Fingerprint.of(tune(seed, bars=12) for seed in range(40))


@pytest.mark.parametrize("semitones", [-5, 0, 1, 12])
def test_a_copy_is_found_in_any_key(known, tune, semitones) -> None:
    copy = tune(7, bars=12).window(2, 8).transposed(semitones)
    assert known.copied_bars(copy) >= 6


def test_an_accompaniment_below_hides_no_copy(known, tune) -> None:
    piece = tune(7, bars=12).window(0, 8)
    below = np.stack([np.arange(0, 768, 48), np.full(16, 12), np.full(16, 30), np.full(16, 50)], axis=1)
    below = below[np.isin(below[:, 0], piece.notes[:, 0])]
    assert known.copied_bars(replace(piece, notes=np.concatenate([piece.notes, below]))) >= 6


def test_a_copy_changed_in_every_bar_is_not_found(known, tune) -> None:
    piece = tune(7, bars=12).window(2, 8)
    notes = piece.notes.copy()
    for start in piece.bars[:, 0]:
        inside = np.flatnonzero((notes[:, 0] >= start) & (notes[:, 0] < start + 96))
        notes[inside[-1], 2] = 90 + inside[-1] % 5  # above all others, so that the skyline has it
    assert known.copied_bars(replace(piece, notes=notes)) == 0


def test_other_tunes_are_not_found(known, tune) -> None:
    assert sum(known.copied_bars(tune(seed)) > 0 for seed in range(100, 160)) <= 1


def test_false_positives_are_rare(known) -> None:
    rng = np.random.default_rng(0)
    assert sum(rng.bytes(16) in known for _ in range(4000)) <= 12


def test_every_melody_that_went_in_is_found(known, tune) -> None:
    keys = [key for seed in range(40) for _, key in two_bar_melodies(tune(seed, bars=12))]
    assert len(keys) > 200
    assert all(key in known for key in keys)


def test_short_and_monotonous_bars_are_nobodys(tune) -> None:
    piece = tune(0)
    same = piece.notes.copy()
    same[:, 2] = 60
    assert two_bar_melodies(replace(piece, notes=same)) == []
    assert two_bar_melodies(replace(piece, notes=piece.notes[::4])) == []


def test_the_empty_fingerprint_knows_nothing(tune) -> None:
    assert Fingerprint.empty().copied_bars(tune(0)) == 0
