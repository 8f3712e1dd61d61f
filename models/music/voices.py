"""A piece as two voices: the melody, which is what sounds highest, and what accompanies it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .notes import Piece


def in_melody(piece: Piece) -> npt.NDArray[np.bool_]:
    """Which notes are the highest sounding where they begin, ``(notes,)``."""
    line = dict(skyline(piece).tolist())
    return np.array([line[onset] == pitch for onset, pitch in piece.notes[:, [0, 2]].tolist()], dtype=bool)


def skyline(piece: Piece) -> npt.NDArray[np.int64]:
    """The highest sounding note at each onset: ``(onsets, 2)`` onset tick and pitch, in time order."""
    if len(piece.notes) == 0:
        return np.zeros((0, 2), dtype=np.int64)
    onset, duration, pitch = piece.notes[:, :3].T.astype(np.int64)
    times = np.unique(onset)
    line = np.empty((len(times), 2), dtype=np.int64)
    sounding: list[tuple[int, int]] = []
    at = 0
    for index, time in enumerate(times):
        sounding = [(end, p) for end, p in sounding if end > time]
        while at < len(onset) and onset[at] == time:
            sounding.append((int(onset[at] + duration[at]), int(pitch[at])))
            at += 1
        line[index] = time, max(p for _, p in sounding)
    return line
