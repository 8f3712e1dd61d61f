"""One voice on a grid of sixteenths: per step a pitch that starts, a hold, or the start of a rest (MusicVAE's tokens).

Source: Roberts et al., "A hierarchical latent vector model for learning long-term structure in music" (ICML 2018).
``line_attributes`` are four attributes of one-bar lines, after AR-VAE (Pati & Lerch, "Attribute-based regularization of
latent spaces"). Rhythmic complexity is the sum of weights of the places where notes start (Toussaint 2002), as a share
of all weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.music.notes import IntArray, Piece

Line = npt.NDArray[np.int64]

STEPS = 16  # sixteenths of a bar of four quarters
STEP_TICKS = 6
BAR_TICKS = STEPS * STEP_TICKS
HOLD, REST, FIRST_PITCH = 0, 1, 2  # token 2 + p: MIDI pitch p starts
CLASSES = FIRST_PITCH + 128

LINE_ATTRIBUTES = ("rhythmic_complexity", "pitch_range", "note_density", "contour")
ONSET_WEIGHTS = np.array([0.2, 1, 0.5, 1, 0.67, 1, 0.5, 1, 0.25, 1, 0.5, 1, 0.67, 1, 0.5, 1])


@dataclass(frozen=True)
class LineBars:
    """A piece's highest voice bar by bar.

    ``tokens`` int64 ``(bars, 16)``; ``whole`` ``(bars,)``: the bar lasts four quarters; ``exact`` ``(bars,)``: nothing
    in it was moved to the grid or left out. Rows of bars that are not whole mean nothing.
    """

    tokens: Line
    whole: npt.NDArray[np.bool_]
    exact: npt.NDArray[np.bool_]


def top_line(piece: Piece) -> Line:
    """Notes that are the highest sounding ones when they start: int64 ``(notes, 3)`` onset, end, pitch, in time order.

    Each ends where the next one starts at the latest.
    """
    rows: list[list[int]] = []
    sounding: list[tuple[int, int]] = []
    notes: IntArray = piece.notes[np.lexsort((-piece.notes[:, 2], piece.notes[:, 0]))]
    for onset, duration, pitch in notes[:, :3].tolist():
        sounding = [(end, p) for end, p in sounding if end > onset]
        if all(p < pitch for _, p in sounding):
            if rows:
                rows[-1][1] = min(rows[-1][1], onset)
            rows.append([onset, onset + duration, pitch])
        sounding.append((onset + duration, pitch))
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def line_bars(piece: Piece) -> LineBars:
    """The highest voice of a piece in sixteenths; of notes that fall on one step the longest stays."""
    start, length = piece.bars[:, 0].astype(np.int64), piece.bars[:, 1]
    whole = length == BAR_TICKS
    count = len(start)
    onset, end, pitch = top_line(piece).T
    bar = np.searchsorted(start, onset, side="right") - 1
    step = bar * STEPS + (onset - start[bar] + STEP_TICKS // 2) // STEP_TICKS
    tokens = np.full((count + 1) * STEPS, HOLD, dtype=np.int64)
    order = np.argsort(end - onset, kind="stable")
    tokens[step[order]] = pitch[order] + FIRST_PITCH  # longer notes are written later

    exact = np.ones(count + 1, dtype=np.bool_)
    exact[step[(onset - start[bar]) % STEP_TICKS != 0] // STEPS] = False
    steps, owners = np.unique(step, return_counts=True)
    exact[steps[owners > 1] // STEPS] = False

    middle = start[:, None] + np.arange(STEPS) * STEP_TICKS + STEP_TICKS // 2
    last = np.searchsorted(onset, middle.ravel(), side="right") - 1
    silent = (last < 0) | (np.append(end, 0)[last] <= middle.ravel())
    silent &= tokens[: count * STEPS] == HOLD
    before = np.append(True, silent[:-1])  # nothing sounds before the first bar
    tokens[: count * STEPS][silent & ~before] = REST
    return LineBars(tokens[: count * STEPS].reshape(count, STEPS), whole, exact[:count])


def line_attributes(tokens: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Attributes of bars of tokens ``(bars, 16)``: float64 ``(bars, 4)``, columns as in ``ATTRIBUTES``.

    Pitch range is highest less lowest, contour last less first pitch that starts in the bar, in semitones (0 where none
    does); note density is the share of steps at which a note starts.
    """
    starts = tokens >= FIRST_PITCH
    pitch = tokens - FIRST_PITCH
    some = starts.any(1)
    rows = np.arange(len(tokens))
    first = pitch[rows, starts.argmax(1)]
    last = pitch[rows, STEPS - 1 - starts[:, ::-1].argmax(1)]
    spread = np.where(starts, pitch, -1).max(1) - np.where(starts, pitch, 128).min(1)
    return np.stack(
        [
            starts @ ONSET_WEIGHTS / ONSET_WEIGHTS.sum(),
            np.where(some, spread, 0),
            starts.mean(1),
            np.where(some, last - first, 0),
        ],
        axis=1,
    ).astype(np.float64)
