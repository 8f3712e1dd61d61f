"""The same music as others would have it: a part of it, another key, a little faster, or written instead of played.

None of these changes the mood that people gave a clip by much, and a judge has to bear them: phrases are short, scores
have no velocities, and the notes of their chords begin together.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.music.notes import Piece

LEAST_NOTES, SHORTEST_S = 8, 6.0
FLAT, WRITTEN = 0.3, 0.35  # shares of variants that are flattened, and written down
GRIDS = (3, 4, 6)  # ticks of EMOPIA's 120 quarters a minute: 62 to 125 ms
LOWER, HIGHER, STRETCH = 5, 6, 0.1  # semitones at most, and the logarithm of the tempo
PIANO = (21, 108)
USUAL_VELOCITY = 64


def excerpt(piece: Piece, start_s: float, seconds: float) -> Piece:
    """The notes that begin in so many seconds, or the whole piece where these are too few to tell."""
    onset = piece.seconds_at(piece.notes[:, 0])
    notes = piece.notes[(onset >= start_s) & (onset < start_s + seconds)]
    return replace(piece, notes=notes, chords=()) if len(notes) >= LEAST_NOTES else piece


def flattened(piece: Piece, velocity: int = USUAL_VELOCITY) -> Piece:
    """Every note as loud as the next."""
    notes = piece.notes.copy()
    notes[:, 3] = velocity
    return replace(piece, notes=notes)


def written(piece: Piece, grid: int, *, legato: bool) -> Piece:
    """On a coarser grid, so that chords begin together; ``legato``: no note lasts beyond the next but one."""
    notes = piece.notes.copy()
    notes[:, 0] = np.minimum((notes[:, 0] + grid // 2) // grid * grid, (piece.end_tick - 1) // grid * grid)
    notes[:, 1] = np.maximum((notes[:, 1] + grid // 2) // grid * grid, grid)
    if legato:
        onsets = np.append(np.unique(notes[:, 0]), [piece.end_tick, piece.end_tick + grid])
        until = onsets[np.searchsorted(onsets, notes[:, 0]) + 2] - notes[:, 0]
        notes[:, 1] = np.clip(notes[:, 1], grid, until)
    _, kept = np.unique(notes[:, [0, 2]], axis=0, return_index=True)
    return replace(piece, notes=notes[kept])


def as_heard(piece: Piece) -> Piece:
    """Velocities that are all the same say nothing of how loud it was: they are taken for the usual one."""
    return flattened(piece) if len(piece.notes) and np.ptp(piece.notes[:, 3]) == 0 else piece


def drawn(piece: Piece, rng: np.random.Generator) -> Piece:
    """A random variant."""
    lowest, highest = int(piece.notes[:, 2].min()), int(piece.notes[:, 2].max())
    by = int(rng.integers(-LOWER, HIGHER + 1))
    by = max(min(by, max(0, PIANO[1] - highest)), min(0, PIANO[0] - lowest))
    found = piece.transposed(by)
    found = replace(found, tempo_bpm=found.tempo_bpm * np.float32(np.exp(rng.uniform(-STRETCH, STRETCH))))
    last = float(found.seconds_at(found.notes[-1, 0]))
    seconds = float(rng.uniform(SHORTEST_S, max(last, SHORTEST_S + 1)))
    found = excerpt(found, float(rng.uniform(0, max(last - seconds, 0.01))), seconds)
    if rng.random() < WRITTEN:
        found = written(found, int(rng.choice(GRIDS)), legato=bool(rng.random() < 0.5))
    return flattened(found) if rng.random() < FLAT else found
