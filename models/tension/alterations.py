"""Real pieces made worse in three ways: bars shuffled, melody notes jittered, the second half from another piece."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.music.notes import MusicError, Piece
from models.music.tokens import LOWEST_PITCH, PITCHES
from models.music.voices import in_melody

JITTERED, FARTHEST = 0.3, 3  # share of the notes of the top line, and semitones that these move


def shuffled(piece: Piece, rng: np.random.Generator) -> Piece:
    """The bars in another order; a pickup stays where it is."""
    first = 1 if piece.has_pickup else 0
    order = np.arange(len(piece.bars))
    while len(piece.bars) - first > 1 and (order == np.arange(len(order))).all():
        order[first:] = rng.permutation(order[first:])
    return _of_bars([piece.window(int(bar), 1) for bar in order], piece)


def jittered(piece: Piece, rng: np.random.Generator) -> Piece:
    """Some notes of the top line up to three semitones higher or lower."""
    melody = np.flatnonzero(in_melody(piece))
    chosen = rng.choice(melody, max(1, round(JITTERED * len(melody))), replace=False)
    notes = piece.notes.copy()
    by = rng.integers(1, FARTHEST + 1, len(chosen)) * rng.choice([-1, 1], len(chosen))
    notes[chosen, 2] = np.clip(notes[chosen, 2] + by, LOWEST_PITCH, LOWEST_PITCH + PITCHES - 1)
    return replace(piece, notes=notes, chords=())


def swapped(piece: Piece, other: Piece) -> Piece:
    """The first half of one and the second half of another."""
    half, of_other = len(piece.bars) // 2, len(other.bars) // 2
    return _of_bars(
        [piece.window(0, half), other.window(of_other, min(len(other.bars) - of_other, len(piece.bars) - half))], piece
    )


def _of_bars(parts: list[Piece], like: Piece) -> Piece:
    """Parts behind each other."""
    notes, bars, tempo, at = [], [], [], 0
    for part in parts:
        moved, own = part.notes.copy(), part.bars.copy()
        moved[:, 0] += at
        own[:, 0] += at
        at += part.end_tick
        notes.append(moved)
        bars.append(own)
        tempo.append(part.tempo_bpm)
    if not sum(map(len, notes)):
        raise MusicError("the piece has no note")
    return replace(
        like, notes=np.concatenate(notes), bars=np.concatenate(bars), tempo_bpm=np.concatenate(tempo), chords=()
    )
