"""A piece as engravers see it (staves with their voices, key and clefs, bars cut into slices), and as MusicXML.

Notes that overlap within a voice are cut where another begins or ends and tied, as a score has them.

A score for the piano says which hand plays each note: what is easy to read and to reach. In each bar one pitch divides
the hands. It is chosen so that few notes need ledger lines, no hand spans more than it can, and the hands don't jump
between bars: the cheapest way through all bars (dynamic programming: Viterbi 1967).

MusicXML, which notation programs open, is written by music21 (Cuthbert & Ariza 2010).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from .abc_fields import key_signature
from .dance_types import beat_ticks
from .keys import half_bar_chroma, likely_key
from .midi import without_overlaps
from .notes import TICKS_PER_QUARTER, IntArray, Piece, in_melody

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


def write_musicxml(piece: Piece, *, reading: bool = False) -> bytes:
    """The piece as an uncompressed MusicXML file; ``reading`` as ``write_abc`` takes it."""
    m21 = _music21()
    name = key_of(piece)
    tonic = name.removesuffix("m").replace("b", "-")
    signature = m21.key.Key(tonic.lower() if name.endswith("m") else tonic)
    score = m21.stream.Score()
    score.metadata = m21.metadata.Metadata(
        title=piece.titles[0] if piece.titles else "Untitled", composer=_composer(piece)
    )
    parts = [
        _part(piece, staff, signature, Spelling(name), tempi=index == 0)
        for index, staff in enumerate(staves(piece, reading=reading, sustained=reading))
    ]
    for part in parts:
        score.insert(0, part)
    if len(parts) > 1:
        score.insert(0, m21.layout.StaffGroup(parts, symbol="brace", barTogether=True))
    return bytes(m21.musicxml.m21ToXml.GeneralObjectExporter(score).parse())


def _composer(piece: Piece) -> str:
    """Who is named as such; music21 would name itself where somebody brought the music and didn't say."""
    return piece.extra.get("composer") or ("Kallos" if piece.source in {"", "composed"} else "Unknown")


def _part(piece: Piece, staff: Staff, signature: Any, spelling: Spelling, *, tempi: bool) -> Any:
    m21 = _music21()
    part = m21.stream.PartStaff(id="melody" if tempi else "accompaniment")
    told: dict[str, Any] = {}
    ringing: list[set[int]] = [set() for _ in staff.voices]
    for index, (start, length, numerator, denominator) in enumerate(piece.bars.tolist()):
        measure = m21.stream.Measure(number=index + (not piece.has_pickup))
        if index == 0:
            measure.clef = m21.clef.BassClef() if staff.clef == "bass" else m21.clef.TrebleClef()
            measure.keySignature = signature
        if told.get("meter") != (numerator, denominator):
            told["meter"] = numerator, denominator
            measure.timeSignature = m21.meter.TimeSignature(f"{numerator}/{denominator}")
        mark = _tempo(piece, index)
        if tempi and told.get("tempo") != (mark.referent.quarterLength, mark.number):
            told["tempo"] = mark.referent.quarterLength, mark.number
            measure.insert(0, mark)
        for number, notes in enumerate(staff.voices):
            voice = measure if len(staff.voices) == 1 else m21.stream.Voice(id=str(number + 1))
            for each, begin, end in _placed(slices(notes, start, length)):
                made = _sounding(each, end - begin, spelling, ringing[number])
                made.style.hideObjectOnPrint = not each.pitches and notes is not staff.voices[staff.rests]
                voice.insert(begin, made)
                ringing[number] = {pitch for pitch, on in each.pitches.items() if on}
            if voice is not measure:
                measure.insert(0, voice)
        if piece.has_pickup and index == 0:
            measure.padAsAnacrusis()
        elif (lacking := 4 * TICKS_PER_QUARTER * numerator // denominator - length) > 0:
            measure.paddingRight = _quarters(lacking)  # or music21 fills it with a rest
        part.append(measure)
    part.getElementsByClass("Measure").last().rightBarline = m21.bar.Barline("final")
    return part


def _tempo(piece: Piece, index: int) -> Any:
    m21 = _music21()
    beat = beat_ticks(*piece.bars[index, 2:].tolist())
    number = round(float(piece.tempo_bpm[index]) * TICKS_PER_QUARTER / beat)
    return m21.tempo.MetronomeMark(number=number, referent=m21.duration.Duration(_quarters(beat)))


def _placed(parts: list[Slice]) -> list[tuple[Slice, Fraction, Fraction]]:
    """Slices of a bar with their beginnings and ends in quarters; fifths of a beat, which the grid rounds, are exact.

    A quintuplet stands where three of its edges do, no others, and one that neither halves nor thirds would give.
    """
    edges = {edge for part in parts for edge in (part.start, part.end)}
    places = {edge: _quarters(edge) for edge in edges}
    cuts: set[int] = set()
    for span in (96, 48, 24):
        for beat in range(0, parts[-1].end - span + 1, TICKS_PER_QUARTER):
            fifths = {beat + round(span * k / 5): _quarters(beat) + _quarters(span * k) / 5 for k in range(1, 5)}
            inside = {edge for edge in edges if beat < edge < beat + span}
            odd = any((edge - beat) % 2 and (edge - beat) % 3 for edge in inside)
            if len(inside) >= 3 and odd and inside <= fifths.keys() and not inside & cuts:
                places |= {edge: fifths[edge] for edge in inside}
                places |= {edge: _quarters(edge) for edge in (beat, beat + span)}
                cuts |= {beat, *inside, beat + span}
    whole: list[tuple[Slice, Fraction, Fraction]] = []
    for part in parts:
        within = sorted({part.start, part.end} | {cut for cut in cuts if part.start < cut < part.end})
        for begin, end in pairwise(within):
            pitches = part.pitches if end == part.end else dict.fromkeys(part.pitches, True)
            whole.append((Slice(begin, end, pitches), places[begin], places[end]))
    return whole


def _sounding(part: Slice, quarters: Fraction, spelling: Spelling, ringing: set[int]) -> Any:
    """A rest, a note or a chord, tied to what was ``ringing`` before and to what rings on."""
    m21 = _music21()
    notes = []
    for number, on in sorted(part.pitches.items()):
        letter, octave, shift = spelling.placed(number)
        each = m21.note.Note(m21.pitch.Pitch(step=letter, octave=octave + 4, accidental=shift or None))
        if on or number in ringing:
            each.tie = m21.tie.Tie(("continue" if on else "stop") if number in ringing else "start")
        notes.append(each)
    made = notes[0] if len(notes) == 1 else m21.chord.Chord(notes) if notes else m21.note.Rest()
    made.duration.quarterLength = quarters
    return made


def _music21() -> Any:
    """The package, whose types are half there."""
    import music21.musicxml.m21ToXml  # noqa: PLC0415 (a second that only this file needs)

    return music21


def _quarters(ticks: int) -> Fraction:
    return Fraction(ticks, TICKS_PER_QUARTER)
