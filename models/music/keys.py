"""Chroma, the sounding time of pitch classes, the key that fits it best (Krumhansl 1990), and names of pitches."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .notes import IntArray, Piece

Floats = npt.NDArray[np.float64]

MAJOR_KEY = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
MINOR_KEY = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
KEY_PROFILES = np.array([
    np.roll((profile - profile.mean()) / profile.std(), key) for profile in (MAJOR_KEY, MINOR_KEY) for key in range(12)
])  # fmt: skip

NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
TO_MINOR, TO_MAJOR = {4: 3, 9: 8}, {3: 4, 8: 9, 10: 11}  # semitones above the tonic: harmonic minor, and major


def half_bar_chroma(piece: Piece) -> Floats:
    """Sounding time of each pitch class in each half bar: ``(bars * 2, 12)``, in ticks."""
    edges = np.concatenate([np.stack([b[0], b[0] + b[1] / 2]) for b in piece.bars.astype(np.float64)])
    ends = np.append(edges[1:], piece.end_tick)
    onset, duration, pitch = piece.notes[:, :3].T.astype(np.float64)
    overlap = np.minimum(onset + duration, ends[:, None]) - np.maximum(onset, edges[:, None])
    chroma = np.zeros((len(edges), 12))
    np.add.at(chroma.T, pitch.astype(int) % 12, np.clip(overlap, 0, None).T)
    return chroma


def key_fits(chroma: npt.ArrayLike) -> Floats:
    """Correlation of a pitch-class histogram ``(12,)`` with each key's profile, ``(24,)``: C..B major, C..B minor.

    Zeros where the histogram is flat.
    """
    off = np.asarray(chroma, dtype=np.float64) - np.mean(np.asarray(chroma, dtype=np.float64))
    size = float(np.sqrt((off**2).mean()))
    fits: Floats = KEY_PROFILES @ off / (12 * size) if size > 1e-9 else np.zeros(len(KEY_PROFILES))
    return fits


def likely_key(chroma: npt.ArrayLike) -> int:
    """The key whose profile fits a pitch-class histogram ``(12,)`` best: 0-11 C..B major, 12-23 C..B minor."""
    return int(key_fits(chroma).argmax())


def in_mode(pitch: IntArray, tonic: int, *, major: bool) -> IntArray:
    """Pitches with the third, sixth and seventh of the other mode on the same ``tonic`` (0-11) moved to this one's."""
    degree, found = (pitch - tonic) % 12, pitch.copy()
    for old, new in (TO_MAJOR if major else TO_MINOR).items():
        found[degree == old] += new - old
    return found


def pitch_name(pitch: int) -> str:
    """Of a MIDI pitch; middle C is C4."""
    return f"{NAMES[pitch % 12]}{pitch // 12 - 1}"
