"""Statistics of clips: the attribute that names each style, the skyline, and what tells broken music from real.

Definitions follow the project's contracts; source for key finding: Krumhansl (1990).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models.music.keys import half_bar_chroma, key_fits
from models.music.notes import Piece
from models.music.voices import skyline

Floats = npt.NDArray[np.float64]

ATTRIBUTES = {
    "onsets_per_bar": "rhythm",
    "mean_pitch": "register",
    "mode": "harmony",
    "mean_velocity": "dynamics",
    "tempo_bpm": "tempo",
    "notes_per_onset": "texture",
    "contour": "content",
    "leap": "content",
}
DIATONIC = np.array([[(pitch - key) % 12 in scale for pitch in range(12)] for key in range(12) for scale in (
    {0, 2, 4, 5, 7, 9, 11}, {0, 2, 3, 5, 7, 8, 11}
)])  # fmt: skip  # major (and natural minor), harmonic minor


def chroma_correlation(one: Piece, other: Piece, half_bars: int = 1) -> float:
    """Mean correlation of the chroma of ``half_bars`` at a time, where both sound; 0 where they never do."""
    a, b = (half_bar_chroma(piece) for piece in (one, other))
    n = min(len(a), len(b)) // half_bars
    a, b = (chroma[: n * half_bars].reshape(n, half_bars, 12).sum(1) for chroma in (a, b))
    a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    size = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    live = size > 1e-9
    return float(((a * b).sum(1)[live] / size[live]).mean()) if live.any() else 0.0


def attributes(piece: Piece) -> dict[str, float]:
    """The named attributes of a clip, keys of ``ATTRIBUTES``.

    Onsets a bar, mean pitch (MIDI), mode (correlation with the best major key less that with the best minor key), mean
    velocity, tempo (quarters a minute, mean over bars), notes an onset, contour (semitones a bar by which the skyline
    rises), leap (mean absolute interval of the skyline in semitones). An empty clip has zeros and its tempo.
    """
    tempo = float(piece.tempo_bpm.mean())
    if len(piece.notes) == 0:
        return {**dict.fromkeys(ATTRIBUTES, 0.0), "tempo_bpm": tempo}
    onsets = len(np.unique(piece.notes[:, 0]))
    line = skyline(piece)
    time = line[:, 0] / (piece.end_tick / len(piece.bars))
    slope = float(np.polyfit(time, line[:, 1], 1)[0]) if len(line) > 2 else 0.0
    fits = key_fits(half_bar_chroma(piece).sum(0))
    return {
        "onsets_per_bar": onsets / len(piece.bars),
        "mean_pitch": float(piece.notes[:, 2].mean()),
        "mode": float(fits[:12].max() - fits[12:].max()),
        "mean_velocity": float(piece.notes[:, 3].mean()),
        "tempo_bpm": tempo,
        "notes_per_onset": len(piece.notes) / onsets,
        "contour": slope,
        "leap": leap(piece),
    }


def leap(piece: Piece) -> float:
    """Mean absolute interval of the skyline in semitones."""
    line = skyline(piece)
    return float(np.abs(np.diff(line[:, 1])).mean()) if len(line) > 1 else 0.0


def in_key(piece: Piece) -> float:
    """Share of notes in the best-fitting of 24 diatonic scales (12 major, 12 harmonic minor)."""
    counts = np.bincount(piece.notes[:, 2] % 12, minlength=12)
    return float((DIATONIC @ counts).max() / max(1, counts.sum()))


def repeats(piece: Piece) -> float:
    """Share of notes in runs of four or more of one pitch, along the highest note struck at each onset."""
    onset = piece.notes[:, 0]
    if len(onset) == 0:
        return 0.0
    pitch = piece.notes[np.append(np.diff(onset) > 0, True), 2]
    runs = np.diff(np.flatnonzero(np.concatenate([[True], np.diff(pitch) != 0, [True]])))
    return float(runs[runs >= 4].sum() / len(pitch))


def density(piece: Piece) -> float:
    """Notes a bar."""
    return len(piece.notes) / len(piece.bars)


def bar_similarity(piece: Piece) -> float:
    """Mean cosine of neighbouring bars' chroma; NaN where no two neighbours sound."""
    chroma = half_bar_chroma(piece).reshape(len(piece.bars), 2, 12).sum(1)
    size = np.linalg.norm(chroma, axis=1)
    live = (size[:-1] > 0) & (size[1:] > 0)
    cosine = (chroma[:-1] * chroma[1:]).sum(1)[live] / (size[:-1] * size[1:])[live]
    return float(cosine.mean()) if live.any() else float("nan")


def onset_histogram(pieces: Sequence[Piece]) -> Floats:
    """Share of onsets at each position of the bar in 48ths of its length, ``(48,)``, over all ``pieces``."""
    total = np.zeros(48)
    for piece in pieces:
        bar = np.searchsorted(piece.bars[:, 0], piece.notes[:, 0], side="right") - 1
        place = (piece.notes[:, 0] - piece.bars[bar, 0]) * 48 // piece.bars[bar, 1]
        total += np.bincount(place, minlength=48)
    shares: Floats = total / max(1.0, total.sum())
    return shares


def note_f1(found: npt.ArrayLike, wanted: npt.ArrayLike) -> float:
    """F1 of rows (onset, pitch, or onset alone) found against wanted, as sets; 1 where both are empty."""
    a = {tuple(np.atleast_1d(row)) for row in np.asarray(found)}
    b = {tuple(np.atleast_1d(row)) for row in np.asarray(wanted)}
    return 2 * len(a & b) / (len(a) + len(b)) if a or b else 1.0
