"""Bars and their tempi from the meter map, the tempo map and the markers of a MIDI file."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from .notes import TICKS_PER_QUARTER, FloatArray, IntArray, MusicError

MAX_BARS = 20_000
BAR_TEXT = re.compile(r"bar (\d{1,6}) of (\d{1,3})/(\d{1,3})$")
SLOWEST_BPM, FASTEST_BPM = 5.0, 1_000.0


def bars_from_meters(meters: list[tuple[int, int, int]], tpq: int, end: int) -> IntArray:
    """Bars up to the one in which tick ``end`` - 1 lies: int32 ``(bars, 4)``; 4/4 where no meter is given.

    A meter that changes within a bar ends that bar early, as a pickup bar written with its own meter does.
    """
    changes: dict[int, tuple[int, int]] = {}
    for time, numerator, denominator in sorted(meters):
        if not 1 <= numerator <= 64 or denominator not in {1, 2, 4, 8, 16, 32, 64}:
            raise MusicError(
                f"the meter {numerator}/{denominator} is not allowed; 1-64 over a power of two up to 64 is"
            )
        changes[time * TICKS_PER_QUARTER // tpq] = (numerator, denominator)
    changes.setdefault(0, (4, 4))
    rows: list[tuple[int, int, int, int]] = []
    starts = sorted(changes)
    for start, stop in pairwise([*starts, max(end, starts[-1] + 1)]):
        numerator, denominator = changes[start]
        length = max(1, round(4 * TICKS_PER_QUARTER * numerator / denominator))
        if (min(stop, end) - start) / length + len(rows) > MAX_BARS:
            raise MusicError(f"the MIDI file has more than {MAX_BARS} bars; fewer are allowed")
        at = start
        while at < stop and at < end:
            size = length if start == starts[-1] else min(length, stop - at)
            rows.append((at, size, numerator, denominator))
            at += size
    return np.array(rows, dtype=np.int32)


def bars_from_text(text: list[tuple[int, str]], tpq: int, end: int) -> IntArray | None:
    """The bars that ``write_midi`` wrote as markers; None where they do not lead from tick 0 to ``end``."""
    rows: list[tuple[int, int, int, int]] = []
    for time, marker in text:
        if match := BAR_TEXT.match(marker):
            at = time * TICKS_PER_QUARTER // tpq
            length, numerator, denominator = (int(group) for group in match.groups())
            expected = rows[-1][0] + rows[-1][1] if rows else 0
            if at != expected or not length or not numerator or not denominator or len(rows) == MAX_BARS:
                return None
            rows.append((at, length, numerator, denominator))
    return np.array(rows, dtype=np.int32) if rows and rows[-1][0] + rows[-1][1] >= end else None


def seconds_per_tick(tempi: npt.NDArray[np.int64], tpq: int) -> npt.NDArray[np.float64]:
    """The tempo map as ``(changes, 3)``: tick in the file, seconds at it, seconds a tick from there on."""
    if len(tempi) == 0 or tempi[:, 0].min() > 0:
        tempi = np.concatenate([[[0, 500_000]], tempi.reshape(-1, 2)])
    tempi = tempi[np.argsort(tempi[:, 0], kind="stable")]
    last = np.ones(len(tempi), dtype=bool)
    last[:-1] = tempi[1:, 0] != tempi[:-1, 0]
    tempi = tempi[last]
    per_tick = np.clip(tempi[:, 1] / 1e6, 60 / FASTEST_BPM, 60 / SLOWEST_BPM) / tpq
    seconds = np.concatenate([[0.0], np.cumsum(np.diff(tempi[:, 0]) * per_tick[:-1])])
    return np.stack([tempi[:, 0].astype(np.float64), seconds, per_tick], axis=1)


def tempo_of_bars(bars: IntArray, skip: int, tempo_map: npt.NDArray[np.float64], tpq: int) -> FloatArray:
    """Mean tempo of each bar in quarters a minute, so that every bar lasts as long as in the file: ``(bars,)``.

    ``skip`` ticks were cut off before the first bar.
    """
    edges = np.append(bars[:, 0], bars[-1, 0] + bars[-1, 1]).astype(np.float64) + skip
    ticks = edges * tpq / TICKS_PER_QUARTER
    row = np.clip(np.searchsorted(tempo_map[:, 0], ticks, side="right") - 1, 0, None)
    seconds = tempo_map[row, 1] + (ticks - tempo_map[row, 0]) * tempo_map[row, 2]
    bpm = bars[:, 1] / TICKS_PER_QUARTER * 60.0 / np.maximum(np.diff(seconds), 1e-9)
    tempo: FloatArray = np.clip(bpm, SLOWEST_BPM, FASTEST_BPM).astype(np.float32)
    return tempo
