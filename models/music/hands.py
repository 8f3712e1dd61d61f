"""Which hand plays each note, as a score for the piano has it: what is easy to read and to reach.

In each bar one pitch divides the hands. It is chosen so that few notes need ledger lines, no hand spans more than it
can, and the hands don't jump between bars: the cheapest way through all bars (dynamic programming: Viterbi 1967).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .notes import Piece

DIVIDES = np.arange(50, 73)  # the lowest pitch of the right hand
TREBLE_LOWEST, BASS_HIGHEST = 62, 59  # D4 and B3: what needs no ledger line
LINE = 3.5  # semitones a ledger line
SPAN = 14  # semitones that a hand reaches
MIDDLE_C = 60
JUMP, OFF_MIDDLE = 0.15, 0.02  # what a semitone costs, between two bars and from the middle C

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]


def right_hand(piece: Piece) -> BoolArray:
    """Which notes the right hand plays, ``(notes,)``."""
    bar = np.searchsorted(piece.bars[:, 0], piece.notes[:, 0], side="right") - 1
    costs = [_cost(piece.notes[bar == number][:, [0, 2]]) for number in range(len(piece.bars))]
    away = JUMP * np.abs(DIVIDES[:, None] - DIVIDES)
    best, came = costs[0], []
    for cost in costs[1:]:
        ways = best[:, None] + away
        came.append(ways.argmin(0))
        best = ways.min(0) + cost
    chosen = [int(best.argmin())]
    for before in reversed(came):
        chosen.append(int(before[chosen[-1]]))
    return np.asarray(piece.notes[:, 2] >= DIVIDES[chosen[::-1]][bar], dtype=bool)


def _cost(notes: npt.NDArray[np.int32]) -> FloatArray:
    """What each of ``DIVIDES`` would cost in a bar of notes ``(notes, 2)``: onset and pitch."""
    cost = OFF_MIDDLE * np.abs(DIVIDES - MIDDLE_C).astype(float)
    if len(notes) == 0:
        return cost
    onset, pitch = notes.T
    right = pitch[:, None] >= DIVIDES
    below, above = (_squared(each)[:, None] for each in (TREBLE_LOWEST - pitch, pitch - BASS_HIGHEST))
    cost += np.where(right, below, above).sum(0)
    for moment in np.unique(onset):
        here = onset == moment
        for hand in (right[here], ~right[here]):
            highest = np.where(hand, pitch[here, None], -1).max(0)
            lowest = np.where(hand, pitch[here, None], 128).min(0)
            cost += _squared(highest - lowest - SPAN)
    return cost


def _squared(semitones: npt.NDArray[np.int32]) -> FloatArray:
    return (np.maximum(semitones, 0) / LINE) ** 2
