"""A piece as two voices: the melody, which is what sounds highest, and what accompanies it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.metrics.music_statistics import skyline

from .notes import Piece


def in_melody(piece: Piece) -> npt.NDArray[np.bool_]:
    """Which notes are the highest sounding where they begin, ``(notes,)``."""
    line = dict(skyline(piece).tolist())
    return np.array([line[onset] == pitch for onset, pitch in piece.notes[:, [0, 2]].tolist()], dtype=bool)
