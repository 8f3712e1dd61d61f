"""Statistics of clips: the attribute that names each style, measures of broken music, and all that taste heads read.

Definitions follow the project's contracts; source for key finding: Krumhansl (1990). ``note_statistics`` counts in
seconds rather than bars, since rated clips come from anywhere and their bar lines may mean nothing: repetition and
surprise after Conklin & Witten (1995) and Lempel & Ziv (1977); roughness counts semitones between notes that sound
together.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models.music.keys import half_bar_chroma, key_fits
from models.music.notes import Piece, skyline

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

STEP_S = 0.125
GRAM = 4
TRAITS = ("density", "mean_pitch", "mean_velocity", "range", "steps")  # plain enough for anybody to listen by
TOGETHER_S = 0.04  # notes that begin so near each other are one onset of the top line
WHOLE_TONE = 2  # semitones


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


def note_statistics(piece: Piece) -> dict[str, float]:
    """Named statistics of a clip; raises ``ValueError`` where it has no notes."""
    if len(piece.notes) == 0:
        raise ValueError("the clip has no notes; at least one is needed")
    onset, end = piece.seconds_at(piece.notes[:, 0]), piece.seconds_at(piece.notes[:, 0] + piece.notes[:, 1])
    pitch, velocity = piece.notes[:, 2].astype(np.float64), piece.notes[:, 3].astype(np.float64)
    seconds = max(float(end.max() - onset.min()), 1.0)
    duration = end - onset
    similarity = bar_similarity(piece)
    found = attributes(piece) | {
        "in_key": in_key(piece),
        "repeats": repeats(piece),
        "bar_similarity": similarity if np.isfinite(similarity) else 0.0,
        "notes_per_second": np.log(len(onset) / seconds),
        "onsets_per_second": np.log(len(np.unique(onset)) / seconds),
        "first_onset": float(onset.min()),
        "duration_mean": float(np.log(duration).mean()),
        "duration_sd": float(np.log(duration).std()),
        "pitch_sd": float(pitch.std()),
        "pitch_low": float(np.quantile(pitch, 0.05)),
        "pitch_high": float(np.quantile(pitch, 0.95)),
        "pitches": float(len(np.unique(pitch))),
        "pitch_entropy": _entropy(piece.notes[:, 2]),
        "class_entropy": _entropy(piece.notes[:, 2] % 12),
        "velocity_sd": float(velocity.std()),
        "velocity_entropy": _entropy(piece.notes[:, 3] // 4),
        "duration_entropy": _entropy(np.round(np.log2(duration) * 2).astype(np.int64)),
    }
    return {
        name: float(value)
        for name, value in (found | _melody(piece) | _time(onset, end) | _together(onset, end, pitch)).items()
    }


def played_traits(notes: npt.ArrayLike, seconds: float) -> Floats:
    """``TRAITS`` of ``seconds`` of sound with the ``notes`` ``(N, 4)``: start and duration in seconds, pitch, velocity.

    Notes a second, mean pitch, mean velocity, highest less lowest pitch, and the share of the top line's intervals that
    are a whole tone at most: ``(5,)``. All are 0 without notes.
    """
    played = np.asarray(notes, dtype=np.float64).reshape(-1, 4)
    if len(played) == 0:
        return np.zeros(len(TRAITS))
    played = played[np.argsort(played[:, 0], kind="stable")]
    onset = np.cumsum(np.append(0, np.diff(played[:, 0]) > TOGETHER_S))
    top = np.full(onset[-1] + 1, -np.inf)
    np.maximum.at(top, onset, played[:, 2])
    steps = np.abs(np.diff(top)) <= WHOLE_TONE
    pitch = played[:, 2]
    return np.array(
        [len(played) / seconds, pitch.mean(), played[:, 3].mean(), np.ptp(pitch), steps.mean() if len(steps) else 0.0]
    )


def _entropy(values: npt.ArrayLike) -> float:
    """Entropy in nats of what occurs how often."""
    counts = np.unique(np.asarray(values), return_counts=True)[1]
    share = counts / counts.sum()
    return float(-(share * np.log(share)).sum())


def _melody(piece: Piece) -> dict[str, float]:
    """Intervals of the skyline, how often its figures come again, and how well its notes compress."""
    line = skyline(piece)
    step = np.diff(line[:, 1])
    time = np.diff(piece.seconds_at(line[:, 0]))
    size = np.abs(step)
    many = max(len(step), 1)
    grams = [tuple(step[i : i + GRAM]) for i in range(len(step) - GRAM + 1)]
    text = bytes(int(value) & 0xFF for value in line[:, 1])
    return {
        "unisons": float((size == 0).sum() / many),
        "steps": float(((size > 0) & (size <= 2)).sum() / many),
        "leaps": float((size > 7).sum() / many),
        "falls": float((step < 0).sum() / many),
        "turns": float((step[1:] * step[:-1] < 0).sum() / many),
        "interval_entropy": _entropy(step) if len(step) else 0.0,
        "figures_again": 1 - len(set(grams)) / len(grams) if grams else 0.0,
        "compressed": len(zlib.compress(text, 9)) / max(len(text), 8),
        "gap_entropy": _entropy(np.round(np.log2(np.maximum(time, 1e-3)) * 2)) if len(time) else 0.0,
        "gap_sd": float(np.log(np.maximum(time, 1e-3)).std()) if len(time) else 0.0,
    }


def _time(onset: Floats, end: Floats) -> dict[str, float]:
    """Pulse of the onsets, rests, and how density changes from the first half to the second."""
    bins = np.arange(onset.min(), max(end.max(), onset.min() + 1) + STEP_S, STEP_S)
    count = np.histogram(onset, bins)[0].astype(np.float64)
    centred = count - count.mean()
    power = max(float(centred @ centred), 1e-9)
    auto = [float(centred[lag:] @ centred[:-lag]) / power for lag in range(2, 33) if lag < len(count)]
    sounding = np.array([((onset <= t) & (end > t)).sum() for t in bins[:-1] + STEP_S / 2])
    half = (onset.min() + end.max()) / 2
    first, second = (onset < half).sum() + 1, (onset >= half).sum() + 1
    return {
        "pulse": max(auto, default=0.0),
        "pulse_lag": float(np.argmax(auto) + 2) * STEP_S if auto else 0.0,
        "count_sd": float(count.std() / max(count.mean(), 1e-9)),
        "rests": float((sounding == 0).mean()),
        "sounding_mean": float(sounding.mean()),
        "sounding_max": float(sounding.max()),
        "growth": float(np.log(second / first)),
    }


def _together(onset: Floats, end: Floats, pitch: Floats) -> dict[str, float]:
    """Shares of interval classes among notes that sound together, and how like the harmony of later parts is."""
    early = onset[:, None] < end[None, :] - 0.02
    both = early & early.T
    a, b = np.nonzero(np.triu(both, 1))
    distance = np.abs(pitch[a] - pitch[b])
    kind = distance.astype(int) % 12
    many = max(len(kind), 1)
    roughness = np.array([0, 1, 0.6, 0.2, 0.1, 0, 0.7, 0, 0.15, 0.1, 0.4, 0.9])
    places = (onset // 2).astype(int)
    chroma = np.zeros((places.max() + 1, 12))
    np.add.at(chroma, (places, pitch.astype(int) % 12), np.minimum(end - onset, 2.0))
    unit = chroma / np.maximum(np.linalg.norm(chroma, axis=1, keepdims=True), 1e-9)
    alike = unit @ unit.T
    return {
        "rough": float(roughness[kind].sum() / many),
        "seconds": float(np.isin(kind, [1, 2, 10, 11]).sum() / many),
        "thirds": float(np.isin(kind, [3, 4, 8, 9]).sum() / many),
        "fifths": float(np.isin(kind, [5, 7]).sum() / many),
        "octaves": float((kind == 0).sum() / many),
        "close_clashes": float(((distance > 0) & (distance <= 2)).sum() / many),
        "alike": float(alike[np.triu_indices(len(alike), 1)].mean()) if len(alike) > 1 else 1.0,
        "returns": float(np.sort(alike - np.eye(len(alike)), axis=1)[:, -1].mean()),
    }
