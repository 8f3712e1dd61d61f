"""A piece as engravers see it: staves with their voices, their key and clefs, and bars cut into slices.

Notes that overlap within a voice are cut where another begins or ends and tied, as a score has them.

A score for the piano says which hand plays each note: what is easy to read and to reach. In each bar one pitch divides
the hands. It is chosen so that few notes need ledger lines, no hand spans more than it can, and the hands don't jump
between bars: the cheapest way through all bars (dynamic programming: Viterbi 1967).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from .abc_fields import key_signature
from .keys import half_bar_chroma, likely_key
from .midi import without_overlaps
from .notes import IntArray, Piece, in_melody

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

EIGHTH, SIXTEENTH = 12, 6  # ticks
BASS_TOP, TREBLE_BOTTOM = 57, 64  # the outermost lines: A3 and E4
FEW = 0.1  # of the notes: a tune with no more beside it is on one staff
REST = 24  # ticks: in a score for reading shorter rests belong to the note before
MAJOR = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
MINOR = ("Cm", "C#m", "Dm", "Ebm", "Em", "Fm", "F#m", "Gm", "G#m", "Am", "Bbm", "Bm")
SHARPS = ("C", "^C", "D", "^D", "E", "F", "^F", "G", "^G", "A", "^A", "B")
FLATS = ("C", "_D", "D", "_E", "E", "F", "_G", "G", "_A", "A", "_B", "B")
STEP = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

DIVIDES = np.arange(50, 73)  # the lowest pitch of the right hand
TREBLE_LOWEST, BASS_HIGHEST = 62, 59  # D4 and B3: what needs no ledger line
LINE = 3.5  # semitones a ledger line
SPAN = 14  # semitones that a hand reaches
MIDDLE_C = 60
JUMP, OFF_MIDDLE = 0.15, 0.02  # what a semitone costs, between two bars and from the middle C


@dataclass
class Slice:
    """What sounds in a voice between two moments: pitches, and which of them sound on afterwards."""

    start: int
    end: int
    pitches: dict[int, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Staff:
    """The notes of each voice of a staff, and its clef, ``treble`` or ``bass``.

    Of two voices only the outer one has rests that are seen: the place of ``rests``, 0 above and -1 below.
    """

    voices: list[IntArray]
    clef: str
    rests: int = 0


def staves(piece: Piece, *, reading: bool, sustained: bool = False) -> list[Staff]:
    """The melody, and below it the accompaniment where there is one.

    What rings past the last bar ends with it. For ``reading``, there is a staff for each hand, a chorale has two voices
    on each, and each note of a voice lasts to the next one, as engravers write what a pedal or a finger holds; where it
    is ``sustained``, as long as it is held at least.
    """
    notes = _within(without_overlaps(piece.notes), piece.end_tick)
    piece = replace(piece, notes=notes)
    melody = in_melody(piece)
    if not reading:
        found = [[notes[melody]], [notes[~melody]]]
    elif len(notes) == 0 or (~melody).mean() < FEW:
        found = [[_legato(notes, sustained=sustained)]]
    elif piece.domain == "chorale":
        found = [[_legato(part, sustained=sustained) for part in parts] for parts in _four_parts(piece)]
    else:
        right = right_hand(piece)
        found = [
            _tune_and_inner(replace(piece, notes=notes[right]), sustained=sustained),
            [_legato(notes[~right], sustained=sustained)],
        ]
    there = [[_within(voice, piece.end_tick) for voice in voices if len(voice)] for voices in found]
    there = [voices for voices in there if voices] or [[notes]]
    return [Staff(voices, _clef(voices), -number) for number, voices in enumerate(there)]


def _within(notes: IntArray, end: int) -> IntArray:
    return np.stack([notes[:, 0], np.minimum(notes[:, 1], end - notes[:, 0]), *notes[:, 2:].T], axis=1)


def _clef(voices: list[IntArray]) -> str:
    pitch = np.concatenate(voices)[:, 2]
    above_bass, below_treble = np.maximum(pitch - BASS_TOP, 0).sum(), np.maximum(TREBLE_BOTTOM - pitch, 0).sum()
    return "bass" if above_bass < below_treble else "treble"


def _tune_and_inner(piece: Piece, *, sustained: bool) -> list[IntArray]:
    """What is highest, with the chords that it is struck with, and what moves below while it is held."""
    top = in_melody(piece)
    struck = top | np.isin(piece.notes[:, 0], piece.notes[top, 0])
    tune, inner = piece.notes[struck], piece.notes[~struck]
    return [_legato(tune, sustained=sustained), _legato(inner, tune, sustained=sustained)]


def _four_parts(piece: Piece) -> list[list[IntArray]]:
    """Soprano and alto, tenor and bass: by how many sound above and below where a note begins."""
    pitch = piece.notes[:, 2]
    sounding: list[tuple[int, int]] = []  # where a note ends, and its pitch
    counted = []
    for onset, struck in groupby(piece.notes[:, :3].tolist(), key=itemgetter(0)):
        begun = [(onset + length, pitch) for _, length, pitch in struck]
        sounding = [note for note in sounding if note[0] > onset] + begun
        counted += [(sum(p > own for _, p in sounding), sum(p < own for _, p in sounding)) for _, own in begun]
    above, below = np.array(counted).T
    alone = (above == 1) & (below == 1)  # of alto and tenor
    part = np.select([above == 0, below == 0, alone], [0, 3, np.where(pitch >= MIDDLE_C, 1, 2)], np.minimum(above, 2))
    soprano, alto, tenor, bass = (piece.notes[part == number] for number in range(4))
    return [[soprano, alto], [tenor, bass]]


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


def _legato(notes: IntArray, others: IntArray | None = None, *, sustained: bool = False) -> IntArray:
    """Notes that end where the next one of the voice begins, or, before a longer rest, where theirs is filled.

    A note ends where the next one begins of ``others`` on the staff as well, where these are given; one that is held
    longer does not, where notes are ``sustained``.
    """
    if len(notes) == 0:
        return notes
    onsets, chord = np.unique(notes[:, 0], return_inverse=True)
    unit = np.where(notes[:, 1] > REST, EIGHTH, SIXTEENTH)
    filled = np.zeros(len(onsets), dtype=np.int64)  # notes that begin together end together
    np.maximum.at(filled, chord, -(-notes[:, 1] // unit) * unit)
    coming = onsets if others is None else np.union1d(onsets, others[:, 0])
    after = np.searchsorted(coming, onsets, side="right")
    room = np.where(after < len(coming), coming[np.minimum(after, len(coming) - 1)] - onsets, filled)
    length = np.where(room - filled < REST, room, filled)[chord]
    length = np.maximum(length, notes[:, 1]) if sustained else length
    return np.stack([notes[:, 0], length, *notes[:, 2:].T], axis=1).astype(np.int32)


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
