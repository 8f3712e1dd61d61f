"""A score as a player reads it: its notes in playing order, and what each of them knows of its place.

Notes go by onset, the highest of an onset first. The tempo that a score gives each bar comes in coarse steps; a player
smooths it, so the bars' base times do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.music.notes import TICKS_PER_QUARTER, Piece

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FEATURES = 32
VELOCITY_MEAN, VELOCITY_UNIT = 60.0, 12.0
MOST_SECONDS = 0.15  # that a note is early or late
MOST_TEMPO, MOST_LENGTH = 0.25, 1.5  # of logarithms of ratios
KNOWN, VELOCITY = 30, 31  # features: whether the score tells how loud a note is, and how loud

# What is played, in the order in which it is sampled, and the units in which the model counts it
TEMPO, LATE, LOUD, LONG = range(4)
ASPECTS = ("tempo", "late", "loud", "long")
UNITS = (0.03, 0.03, VELOCITY_UNIT, 0.4)  # log ratio; seconds; velocity; log ratio
FRAME = 0.032 / UNITS[1]  # Pop1K7 was transcribed in frames of 32 ms: all its onsets lie on them
LEAST_SCALE = (-4.0, -4.0, -3.0, -3.5)  # natural logarithms, in units: finer than the data tell


@dataclass(frozen=True)
class Score:
    """The notes of a piece in playing order.

    ``order`` ``(notes,)``: rows of ``piece.notes``. ``features`` float32 ``(notes, FEATURES)``. ``bar`` ``(notes,)``:
    index of the note's bar. ``first`` marks the first note of each onset, ``opens`` the first of each bar.
    ``base_tempo_bpm`` ``(bars,)``: the score's tempi, smoothed.
    """

    order: Ints
    features: npt.NDArray[np.float32]
    bar: Ints
    first: npt.NDArray[np.bool_]
    opens: npt.NDArray[np.bool_]
    base_tempo_bpm: Floats


@dataclass(frozen=True)
class Played:
    """How a score was played, note by note in playing order, and bar by bar.

    ``tempo`` ``(bars,)``: log of the tempo over the score's base tempo. ``late_s``: seconds after the place that the
    bar's own tempo gives the note. ``velocity``. ``length``: log of the time it sounds over the score's. Each
    ``(notes,)``.
    """

    tempo: Floats
    late_s: Floats
    velocity: Floats
    length: Floats


def smooth_tempo(tempo_bpm: npt.ArrayLike) -> Floats:
    """Tempi of bars without the jumps of single bars and steps, as a player would go from one to the next."""
    log = np.log(np.asarray(tempo_bpm, dtype=np.float64))
    if len(log) > 2:
        log = np.median(np.lib.stride_tricks.sliding_window_view(np.pad(log, 1, mode="edge"), 3), axis=1)
        log = np.convolve(np.pad(log, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    smoothed: Floats = np.exp(log)
    return smoothed


def seconds_of_ticks(piece: Piece, bars_s: Floats, ticks: npt.ArrayLike) -> Floats:
    """Seconds of ``ticks`` where the bars begin at ``bars_s`` ``(bars + 1,)``; the last bar's tempo goes on."""
    at = np.asarray(ticks, dtype=np.float64)
    bar = bars_of(piece, at)
    per_tick = np.diff(bars_s) / piece.bars[:, 1]
    seconds: Floats = bars_s[bar] + (at - piece.bars[bar, 0]) * per_tick[bar]
    return seconds


def bars_of(piece: Piece, ticks: npt.ArrayLike) -> Ints:
    """Index of the bar that each tick lies in."""
    return np.clip(np.searchsorted(piece.bars[:, 0], ticks, side="right") - 1, 0, len(piece.bars) - 1)


def read_score(piece: Piece, *, dynamics: bool = True) -> Score:
    """The score of a piece with notes; without ``dynamics`` its velocities count for nothing."""
    order = np.lexsort((-piece.notes[:, 2], piece.notes[:, 0]))
    onset, duration, pitch, velocity = piece.notes[order].T.astype(np.float64)
    bar = bars_of(piece, onset)
    base = smooth_tempo(piece.tempo_bpm)
    first = np.concatenate([[True], np.diff(onset) > 0])
    opens = np.concatenate([[True], np.diff(bar) > 0])
    group = np.cumsum(first) - 1
    heads = np.flatnonzero(first)
    size = np.bincount(group)
    rank = np.arange(len(onset)) - heads[group]
    top = pitch[heads]
    gap = np.diff(onset[heads], append=onset[heads[-1]] + 2 * TICKS_PER_QUARTER) / TICKS_PER_QUARTER
    before = np.concatenate([[2.0], gap[:-1]])
    step = np.clip(np.diff(top), -24, 24) / 12
    beats = duration / TICKS_PER_QUARTER
    place = (onset - piece.bars[bar, 0]) / piece.bars[bar, 1]
    beat = (onset - piece.bars[bar, 0]) % TICKS_PER_QUARTER / TICKS_PER_QUARTER
    told = np.log(piece.tempo_bpm.astype(np.float64) / base)
    moves = np.pad(np.diff(np.log(base)), 1)
    per_beat = 60.0 / base[bar]
    again = np.clip(_until_again(onset, pitch) * per_beat, 0.03, 8)
    features = np.stack(
        [
            first, opens, rank == 0, rank == size[group] - 1, size[group] / 5, rank / 5,
            (pitch - 60) / 24, (pitch - top[group]) / 12,
            np.log2(np.clip(before, 0.05, 8))[group] / 2, np.log2(np.clip(gap, 0.05, 8))[group] / 2,
            np.log2(beats) / 2, np.clip(np.log2(beats / gap[group]), -3, 3) / 2,
            *(wave(2 * np.pi * turns * place) for turns in (1, 2, 4) for wave in (np.sin, np.cos)),
            np.sin(2 * np.pi * beat), np.cos(2 * np.pi * beat), beat == 0, beat == 0.5,
            np.concatenate([[0], step])[group], np.concatenate([step, [0]])[group],
            np.log(base[bar] / 100), 10 * told[bar], 10 * moves[bar], 10 * moves[bar + 1],
            np.log(np.clip(gap[group] * per_beat, 0.03, 8)), np.log(again),
            np.full(len(onset), float(dynamics)), dynamics * (velocity - VELOCITY_MEAN) / VELOCITY_UNIT,
        ],
        axis=1,
    )  # fmt: skip
    return Score(order, features.astype(np.float32), bar, first, opens, base)


def _until_again(onset: Floats, pitch: Floats) -> Floats:
    """Quarters until a note's pitch is struck again, eight where it is not."""
    found = np.full(len(onset), 8.0)
    order = np.lexsort((onset, pitch))
    same = np.flatnonzero(np.diff(pitch[order]) == 0)
    found[order[same]] = np.minimum(8.0, np.diff(onset[order])[same] / TICKS_PER_QUARTER)
    return found
