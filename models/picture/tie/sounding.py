"""What can be measured of music bar by bar, on the side of the tie that faces the five readouts of a film."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from models.music.keys import half_bar_chroma, key_fits
from models.music.notes import Domain, Piece

Floats = npt.NDArray[np.float64]

SOUNDING = ("register", "mode", "density", "loudness", "tempo")
# Mean and standard deviation of all but tempo, over bars of training music
USUAL: Mapping[Domain, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "pop": ((62.4, 0.07, 14.0, 63.4), (5.4, 0.18, 8.6, 5.8)),
    "dance": ((72.5, 0.10, 6.5, 71.0), (4.5, 0.16, 1.9, 2.0)),
    "chorale": ((61.0, 0.08, 15.9, 72.8), (2.4, 0.20, 5.4, 0.8)),
}
AROUND = 1  # bars before and after that a bar's mode is heard with


def of_piece(piece: Piece) -> Floats:
    """Mean pitch, mode, notes a bar, mean velocity and log2 of tempo in each bar: ``(bars, 5)``.

    Mode is the correlation with the best major key less that with the best minor key. A silent bar has the piece's mean
    pitch and velocity.
    """
    count = len(piece.bars)
    bar = np.searchsorted(piece.bars[:, 0], piece.notes[:, 0], side="right") - 1
    notes = np.bincount(bar, minlength=count).astype(np.float64)
    pitch, velocity = (_mean(bar, piece.notes[:, column], notes) for column in (2, 3))
    chroma = half_bar_chroma(piece).reshape(count, 2, 12).sum(1)
    mode = []
    for number in range(count):
        fits = key_fits(chroma[max(0, number - AROUND) : number + AROUND + 1].sum(0))
        mode.append(fits[:12].max() - fits[12:].max())
    return np.column_stack([pitch, mode, notes, velocity, np.log2(piece.tempo_bpm)])


def _mean(bar: npt.NDArray[np.int64], values: npt.NDArray[np.int32], notes: Floats) -> Floats:
    usual = float(values.mean()) if len(values) else 0.0
    total = np.bincount(bar, weights=values, minlength=len(notes))
    found: Floats = np.where(notes > 0, total / np.maximum(notes, 1), usual)
    return found
