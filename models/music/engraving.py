"""A piece as engravers see it: staves for melody and accompaniment, their key and clefs, and bars cut into slices.

Notes that overlap within a staff are cut where another begins or ends and tied, as a score has them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from .abc_fields import key_signature
from .keys import half_bar_chroma, likely_key
from .midi import without_overlaps
from .notes import IntArray, Piece
from .voices import in_melody

SIXTEENTH = 6  # ticks
BASS_TOP, TREBLE_BOTTOM = 57, 64  # the outermost lines: A3 and E4
REST = 24  # ticks: in a score for reading shorter rests belong to the note before
MAJOR = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
MINOR = ("Cm", "C#m", "Dm", "Ebm", "Em", "Fm", "F#m", "Gm", "G#m", "Am", "Bbm", "Bm")
SHARPS = ("C", "^C", "D", "^D", "E", "F", "^F", "G", "^G", "A", "^A", "B")
FLATS = ("C", "_D", "D", "_E", "E", "F", "_G", "G", "_A", "A", "_B", "B")
STEP = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@dataclass
class Slice:
    """What sounds in a voice between two moments: pitches, and which of them sound on afterwards."""

    start: int
    end: int
    pitches: dict[int, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Staff:
    """The notes of one staff and its clef, ``treble`` or ``bass``."""

    notes: IntArray
    clef: str


def staves(piece: Piece, *, reading: bool) -> list[Staff]:
    """The melody, and below it the accompaniment where there is one.

    What rings past the last bar ends with it. For ``reading``, each note of a staff lasts to the next one, as engravers
    write what a pedal or a finger holds.
    """
    notes = without_overlaps(piece.notes)
    notes[:, 1] = np.minimum(notes[:, 1], piece.end_tick - notes[:, 0])
    melody = in_melody(replace(piece, notes=notes))
    upper, lower = (_legato(each) if reading else each for each in (notes[melody], notes[~melody]))
    if len(lower) == 0:
        return [Staff(upper, "treble")]
    above_bass = np.maximum(lower[:, 2] - BASS_TOP, 0).sum()
    below_treble = np.maximum(TREBLE_BOTTOM - lower[:, 2], 0).sum()
    return [Staff(upper, "treble"), Staff(lower, "bass" if above_bass < below_treble else "treble")]


def key_of(piece: Piece) -> str:
    """The key that its notes fit best, as ABC names it: "G", "F#m"."""
    return (MAJOR + MINOR)[likely_key(half_bar_chroma(piece).sum(0))]


class Spelling:
    """Which letter and accidental each pitch has in a key."""

    def __init__(self, key: str) -> None:
        self.signature = key_signature(key, {})
        self._by_key = {(STEP[letter] + self.signature.get(letter, 0)) % 12: letter for letter in STEP}
        self._others = FLATS if "b" in key or key in {"F", "Cm", "Dm", "Fm", "Gm"} else SHARPS

    def placed(self, pitch: int) -> tuple[str, int, int]:
        """The letter that a pitch is written with, its octave (0 from the middle C on) and its accidental."""
        letter = self._by_key.get(pitch % 12) or self._others[pitch % 12][-1]
        shift = (pitch - STEP[letter] + 6) % 12 - 6
        return letter, (pitch - shift) // 12 - 5, shift


def slices(notes: IntArray, start: int, length: int) -> list[Slice]:
    """The bar cut wherever a note of the voice begins or ends, times from its start."""
    onset, ends = notes[:, 0] - start, notes[:, 0] + notes[:, 1] - start
    here = (onset < length) & (ends > 0)
    moments = {0, length, *onset[here].tolist(), *ends[here].tolist()}
    edges = sorted(moment for moment in moments if 0 <= moment <= length)
    parts = [Slice(a, b) for a, b in pairwise(edges)]
    for begin, end, pitch in zip(onset[here].tolist(), ends[here].tolist(), notes[here, 2].tolist(), strict=True):
        for part in parts:
            if begin <= part.start < end:
                part.pitches[pitch] = end > part.end
    return parts


def _legato(notes: IntArray) -> IntArray:
    """Notes that end where the next one of the voice begins, or, before a longer rest, where theirs is filled."""
    if len(notes) == 0:
        return notes
    onsets, chord = np.unique(notes[:, 0], return_inverse=True)
    filled = np.zeros(len(onsets), dtype=np.int64)  # notes that begin together end together
    np.maximum.at(filled, chord, -(-notes[:, 1] // SIXTEENTH) * SIXTEENTH)
    room = np.append(np.diff(onsets), filled[-1])
    length = np.where(room - filled < REST, room, filled)[chord]
    return np.stack([notes[:, 0], length, *notes[:, 2:].T], axis=1).astype(np.int32)
