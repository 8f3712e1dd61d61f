"""Bars for a performance that has none: its notes are moved onto the grid of the beats that are found in it.

EMOPIA's clips are such performances. A bar has the tempo that its four beats had, so that it lasts as long as it did.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from models.mood.beats.network import BeatNetwork
from models.mood.beats.performance import BEATS, LEAST_NOTES, Performance
from models.mood.beats.tracking import Found, tracked
from models.music import corpora
from models.music.notes import TICKS_PER_QUARTER, MusicError, Piece

PERFORMED = "emopia"
UNESTIMATED = "unestimated"  # a piece's ``extra["bars"]`` where they mean nothing
BAR = BEATS * TICKS_PER_QUARTER

Floats = npt.NDArray[np.float64]


def performances_with_bars(network: BeatNetwork) -> list[Piece]:
    """EMOPIA's published training clips in bars, where the corpus is there; those without beats are left out."""
    corpus = corpora.registry()[PERFORMED]
    every = corpora.load(PERFORMED) if corpus.available else []
    found = []
    for piece in every:
        if piece.extra.get("split") == "train":
            with suppress(MusicError):
                found.append(with_bars(piece, network))
    return found


def with_bars(piece: Piece, network: BeatNetwork) -> Piece:
    """The piece in bars of four beats that the network hears in it; raises ``MusicError`` where it hears too few."""
    if len(piece.notes) < LEAST_NOTES:
        raise MusicError(f"the performance has {len(piece.notes)} notes; at least {LEAST_NOTES} are needed")
    onset_s, end_s = (_seconds(piece, ticks) for ticks in (piece.notes[:, 0], piece.notes[:, :2].sum(1)))
    nothing = np.zeros(0)
    played = Performance(onset_s, piece.notes[:, 2].astype(np.int64), piece.notes[:, 3].astype(float), nothing, nothing)
    return _on_grid(piece, onset_s, end_s, tracked(network.chances(played), played.start_s))


def _seconds(piece: Piece, ticks: npt.NDArray[np.int32]) -> Floats:
    """When ticks sound, by the tempi of the bars that the piece came in."""
    lasts = piece.bars[:, 1] * 60.0 / (TICKS_PER_QUARTER * piece.tempo_bpm.astype(np.float64))
    edges = np.append(piece.bars[:, 0], piece.end_tick).astype(np.float64)
    return _beyond(ticks.astype(np.float64), edges, np.append(0.0, np.cumsum(lasts)))


def _on_grid(piece: Piece, onset_s: Floats, end_s: Floats, found: Found) -> Piece:
    if len(found.beats_s) <= BEATS or not len(found.downbeats_s):
        raise MusicError(f"{len(found.beats_s)} beats were found in the performance; a bar has {BEATS}")
    number = np.arange(len(found.beats_s)) - int(np.argmin(np.abs(found.beats_s - found.downbeats_s[0])))
    onset, end = (_beyond(times, found.beats_s, number.astype(np.float64)) for times in (onset_s, end_s))
    first = int(np.floor(np.round(onset[0] * TICKS_PER_QUARTER) / BAR))  # the bar in which the first note lies
    start = np.round(onset * TICKS_PER_QUARTER).astype(np.int64) - first * BAR
    stop = np.maximum(np.round(end * TICKS_PER_QUARTER).astype(np.int64) - first * BAR, start + 1)
    count = int(start.max()) // BAR + 1
    edges_s = _beyond(BEATS * np.arange(first, first + count + 1.0), number.astype(np.float64), found.beats_s)
    at = BAR * np.arange(count)
    bars = np.stack([at, *(np.full(count, value) for value in (BAR, BEATS, BEATS))], 1)
    notes = np.stack([start, stop - start, piece.notes[:, 2], piece.notes[:, 3]], 1)
    extra = {name: value for name, value in piece.extra.items() if name != "bars"}
    tempo = (60.0 * BEATS / np.diff(edges_s)).astype(np.float32)
    return replace(piece, notes=notes, bars=bars, tempo_bpm=tempo, chords=(), performed=True, extra=extra)


def _beyond(x: Floats, known: Floats, values: Floats) -> Floats:
    """Between and beyond ``known`` places, where it goes on as between the two outermost."""
    place = np.clip(np.searchsorted(known, x, side="right") - 1, 0, len(known) - 2)
    share = (x - known[place]) / (known[place + 1] - known[place])
    found: Floats = values[place] + share * (values[place + 1] - values[place])
    return found
