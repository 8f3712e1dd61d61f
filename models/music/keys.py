"""Keys and chords: the sounding time of pitch classes, the key and the chords that fit it best, names of pitches.

Keys are found by Krumhansl's profiles (1990). A chord for every bar is found by template matching on the notes' chroma:
duration-weighted, with the bass counted extra, compared with major, minor and diminished triads (T. Fujishima,
"Realtime chord recognition of musical sound", ICMC 1999, with notes in place of a spectrum).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .notes import IntArray, Piece

Floats = npt.NDArray[np.float64]

MAJOR_KEY = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
MINOR_KEY = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
KEY_PROFILES = np.array([
    np.roll((profile - profile.mean()) / profile.std(), key) for profile in (MAJOR_KEY, MINOR_KEY) for key in range(12)
])  # fmt: skip
PITCH_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
TO_MINOR, TO_MAJOR = {4: 3, 9: 8}, {3: 4, 8: 9, 10: 11}  # semitones above the tonic: harmonic minor, and major

ROOTS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
QUALITIES = {"maj": (0, 4, 7), "min": (0, 3, 7), "dim": (0, 3, 6)}
CHORD_NAMES = tuple(f"{root}:{quality}" for quality in QUALITIES for root in ROOTS)
BASS_WEIGHT = 1.0
SCALE_WEIGHT = 0.2  # a bar of bare melody leaves the third open; the rest of the piece tells it
PRIOR = {"maj": 0.02, "min": 0.0, "dim": -0.03}


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
    return f"{PITCH_NAMES[pitch % 12]}{pitch // 12 - 1}"


def templates() -> npt.NDArray[np.float64]:
    """Unit vectors of the triads in the order of ``NAMES``: ``(36, 12)``."""
    rows = np.zeros((len(CHORD_NAMES), 12))
    for index, name in enumerate(CHORD_NAMES):
        root, quality = name.split(":")
        tones = [(ROOTS.index(root) + step) % 12 for step in QUALITIES[quality]]
        rows[index, tones] = (1.2, 1.0, 0.9)
    unit: npt.NDArray[np.float64] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def _tones() -> npt.NDArray[np.float64]:
    return (templates() > 0).astype(np.float64)


def bar_chroma(piece: Piece, bass_weight: float = BASS_WEIGHT) -> npt.NDArray[np.float64]:
    """Ticks that each pitch class sounds in each bar, the lowest ``bass_weight`` times more: ``(bars, 12)``."""
    chroma = np.zeros((len(piece.bars), 12))
    bass = np.zeros((len(piece.bars), 12))
    if len(piece.notes) == 0:
        return chroma
    starts, ends = piece.bars[:, 0], piece.bars[:, 0] + piece.bars[:, 1]
    onset, end = piece.notes[:, 0], piece.notes[:, 0] + piece.notes[:, 1]
    first = np.searchsorted(starts, onset, side="right") - 1
    last = np.searchsorted(starts, end - 1, side="right") - 1
    for step in range(int((last - first).max()) + 1):
        bar = first + step
        inside = bar <= last
        rows = bar[inside]
        sounds = np.minimum(end[inside], ends[rows]) - np.maximum(onset[inside], starts[rows])
        np.add.at(chroma, (rows, piece.notes[inside, 2] % 12), sounds)
    if bass_weight:
        _add_bass(piece, first, bass)
    return chroma + bass_weight * bass


def _add_bass(piece: Piece, bar: npt.NDArray[np.int64], bass: npt.NDArray[np.float64]) -> None:
    """Add to ``bass`` the lowest note of each beat, if it lies below middle C's octave or under other notes."""
    beat = (piece.notes[:, 0] - piece.bars[bar, 0]) // 24
    order = np.lexsort((piece.notes[:, 2], beat, bar))
    keep = np.ones(len(order), dtype=bool)
    keep[1:] = (bar[order][1:] != bar[order][:-1]) | (beat[order][1:] != beat[order][:-1])
    lowest = order[keep]
    lowest = lowest[piece.notes[lowest, 2] < 60]
    np.add.at(bass, (bar[lowest], piece.notes[lowest, 2] % 12), np.minimum(piece.notes[lowest, 1], 48))


def estimate_chords(piece: Piece) -> tuple[str, ...]:
    """One symbol a bar, "C:maj", "A:min", "B:dim", or "N" for a silent bar."""
    chroma = bar_chroma(piece)
    whole = chroma.sum(axis=0)
    prior = np.array([PRIOR[name.split(":")[1]] for name in CHORD_NAMES])
    prior = prior + SCALE_WEIGHT * (_tones() @ (whole / max(1e-9, whole.max())) / 3)
    norm = np.linalg.norm(chroma, axis=1, keepdims=True)
    scores = chroma @ templates().T / np.maximum(norm, 1e-9) + prior
    best = scores.argmax(axis=1)
    return tuple("N" if not n else CHORD_NAMES[i] for i, n in zip(best, norm[:, 0], strict=True))


def with_chords(piece: Piece) -> Piece:
    """The piece with estimated chords where it has none."""
    return piece if piece.chords else replace(piece, chords=estimate_chords(piece))
