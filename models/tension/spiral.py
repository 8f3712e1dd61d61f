"""Tonal tension in the spiral array: how far the notes of half a bar lie apart, how far they move and are from the key.

Pitch classes lie on a helix by fifths; chords and keys are points within it (Chew 2000). Of each half bar: the cloud's
diameter, its momentum (how far its centre moved) and its tensile strain (how far it is from the key) (Herremans & Chew
2016, "Tension ribbons"). Distances are in units of the helix's radius. Notes are spelled by the nearest fifths of the
key that fits the whole piece best.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.music.keys import half_bar_chroma, likely_key
from models.music.notes import Piece

Floats = npt.NDArray[np.float64]

RISE = np.sqrt(2 / 15)  # of the helix for a fifth, in radii
WEIGHTS = np.array([0.536, 0.274, 0.19])  # of root, fifth and third in a chord, and of tonic, dominant and subdominant
MAJOR_DOMINANT, MINOR_SUBDOMINANT = 0.75, 0.75  # shares of these chords in a minor key
FIFTHS = np.array([((7 * pc + 5) % 12) - 5 for pc in range(12)])  # of pitch classes above the tonic: -5 to 6


def place(fifths: npt.ArrayLike) -> Floats:
    """Where notes so many fifths above the tonic lie, ``(..., 3)``."""
    k = np.asarray(fifths, dtype=np.float64)
    return np.stack([np.sin(k * np.pi / 2), np.cos(k * np.pi / 2), k * RISE], axis=-1)


def chord(root: int, *, minor: bool) -> Floats:
    """The centre of a triad whose root is so many fifths above the tonic ``(3,)``."""
    centre: Floats = WEIGHTS @ place([root, root + 1, root - 3 if minor else root + 4])
    return centre


def key(*, minor: bool) -> Floats:
    """The centre of the key on the tonic ``(3,)``."""
    if not minor:
        whole = np.stack([chord(root, minor=False) for root in (0, 1, -1)])
    else:
        dominant = MAJOR_DOMINANT * chord(1, minor=False) + (1 - MAJOR_DOMINANT) * chord(1, minor=True)
        below = MINOR_SUBDOMINANT * chord(-1, minor=True) + (1 - MINOR_SUBDOMINANT) * chord(-1, minor=False)
        whole = np.stack([chord(0, minor=True), dominant, below])
    centre: Floats = WEIGHTS @ whole
    return centre


def tonal_tension(piece: Piece) -> Floats:
    """Diameter, momentum and strain of each half bar that sounds, ``(half bars, 3)``; the first has no momentum: 0."""
    chroma = half_bar_chroma(piece)
    minor, tonic = divmod(likely_key(chroma.sum(axis=0)), 12)
    places = place(FIFTHS[(np.arange(12) - tonic) % 12])
    chroma = chroma[chroma.sum(axis=1) > 0]
    centres = chroma @ places / chroma.sum(axis=1, keepdims=True)
    apart = np.linalg.norm(places[:, None] - places, axis=2)
    sounds = chroma > 0
    diameter = np.array([apart[np.ix_(row, row)].max() for row in sounds])
    moved = np.linalg.norm(np.diff(centres, axis=0, prepend=centres[:1]), axis=1)
    return np.stack([diameter, moved, np.linalg.norm(centres - key(minor=bool(minor)), axis=1)], axis=1)
