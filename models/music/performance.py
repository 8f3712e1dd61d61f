"""How one piece was played: what is added to its notes when it sounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .notes import IntArray, Piece

TAIL_SECONDS = 1.6  # dampers and room after the last note, where no length is asked for
LONGEST_RING_SECONDS = 6.0  # from the last onset on: a held note is hardly heard any more

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Performance:
    """Times in seconds from the piece's tick 0, for the notes in the piece's order.

    ``onset_s``, ``held_s`` (until the key is let go), ``sounding_s`` (until the damper falls), ``velocity``: each
    ``(notes,)``. ``bars_s`` ``(bars + 1,)``: where each bar begins, and where the last one ends. ``pedal_s``
    ``(presses, 2)``: when the pedal goes down and up.
    """

    onset_s: Floats
    held_s: Floats
    sounding_s: Floats
    velocity: IntArray
    bars_s: Floats
    pedal_s: Floats


def as_written(piece: Piece) -> Performance:
    """The piece exactly as it stands on the grid, without pedal."""
    onset = piece.seconds_at(piece.notes[:, 0])
    held = piece.seconds_at(piece.notes[:, 0] + piece.notes[:, 1]) - onset
    bars = piece.seconds_at([*piece.bars[:, 0], piece.end_tick])
    return Performance(onset, held, held, piece.notes[:, 3], bars, np.zeros((0, 2)))


def notes_in_seconds(
    piece: Piece, seconds: float | None = None, performance: Performance | None = None
) -> list[tuple[float, float, int, int]]:
    """``(start_s, duration_s, pitch, velocity)`` a note, in the time of ``render``; cut where that ends."""
    notes = timed(piece, performance)
    end = sounding_seconds(piece, performance) if seconds is None else seconds
    notes = notes[notes[:, 0] < end]
    notes[:, 1] = np.minimum(notes[:, 1], end - notes[:, 0])
    return [(round(float(on), 4), round(float(length), 4), int(pitch), int(vel)) for on, length, pitch, vel in notes]


def bars_in_seconds(piece: Piece, performance: Performance | None = None) -> list[float]:
    """Where each bar begins in the time of ``render``, and at last where the piece ends: none is after its sound."""
    performance = performance or as_written(piece)
    first = float(performance.onset_s.min()) if len(piece.notes) else 0.0
    end = sounding_seconds(piece, performance) if len(piece.notes) else np.inf
    return [round(min(float(start) - first, end), 4) for start in performance.bars_s]


def sounding_seconds(piece: Piece, performance: Performance | None = None) -> float:
    """How long ``render`` lets a whole piece sound; 0 without notes."""
    notes = timed(piece, performance)
    if not len(notes):
        return 0.0
    released, last_onset = float((notes[:, 0] + notes[:, 1]).max()), float(notes[:, 0].max())
    return min(released + TAIL_SECONDS, last_onset + LONGEST_RING_SECONDS)


def timed(piece: Piece, performance: Performance | None = None) -> npt.NDArray[np.float64]:
    """``(n, 4)``: onset_s, duration_s, pitch, velocity, with the first note at 0 (no silence before the music)."""
    if len(piece.notes) == 0:
        return np.zeros((0, 4))
    played = performance or as_written(piece)
    onset = played.onset_s - played.onset_s.min()
    notes = np.column_stack([onset, played.sounding_s, piece.notes[:, 2], played.velocity])
    return notes[np.argsort(onset, kind="stable")]
