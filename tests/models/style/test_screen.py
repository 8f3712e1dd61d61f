"""Each reason not to offer a clip."""

from dataclasses import replace

import numpy as np
import pytest

from models.music.notes import Piece
from models.style.fingerprint import Fingerprint, rejection_reason

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
