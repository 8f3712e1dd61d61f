"""How one piece was played: what is added to its notes when it sounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .notes import IntArray, Piece

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
