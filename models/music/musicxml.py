"""A piece as MusicXML, which notation programs open: a staff for the melody, another for the accompaniment.

Written by music21 (Cuthbert & Ariza 2010).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from .dance_types import beat_ticks
from .engraving import Slice, Spelling, Staff, key_of, slices, staves
from .notes import TICKS_PER_QUARTER, Piece


def write_musicxml(piece: Piece, *, reading: bool = False) -> bytes:
    """The piece as an uncompressed MusicXML file; ``reading`` as ``write_abc`` takes it."""
    from music21 import key, layout, metadata, stream  # noqa: PLC0415 (a second that only this file needs)
    from music21.musicxml.m21ToXml import GeneralObjectExporter  # noqa: PLC0415 (the same)

    name = key_of(piece)
    tonic = name.removesuffix("m").replace("b", "-")
    signature = key.Key(tonic.lower() if name.endswith("m") else tonic)
    score = stream.Score()
    score.metadata = metadata.Metadata(title=piece.titles[0] if piece.titles else "Untitled", composer="Kallos")
    parts = [
        _part(piece, staff, signature, Spelling(name), tempi=index == 0)
        for index, staff in enumerate(staves(piece, reading=reading))
    ]
    for part in parts:
        score.insert(0, part)
    if len(parts) > 1:
        score.insert(0, layout.StaffGroup(parts, symbol="brace", barTogether=True))
    return bytes(GeneralObjectExporter(score).parse())


def _part(piece: Piece, staff: Staff, signature: Any, spelling: Spelling, *, tempi: bool) -> Any:
    from music21 import bar, clef, meter, stream  # noqa: PLC0415 (a second that only this file needs)

    part = stream.PartStaff(id="melody" if tempi else "accompaniment")
    told: dict[str, Any] = {}
    ringing: set[int] = set()
    for index, (start, length, numerator, denominator) in enumerate(piece.bars.tolist()):
        measure = stream.Measure(number=index + (not piece.has_pickup))
        if index == 0:
            measure.clef = clef.BassClef() if staff.clef == "bass" else clef.TrebleClef()
            measure.keySignature = signature
        if told.get("meter") != (numerator, denominator):
            told["meter"] = numerator, denominator
            measure.timeSignature = meter.TimeSignature(f"{numerator}/{denominator}")
        mark = _tempo(piece, index)
        if tempi and told.get("tempo") != (mark.referent.quarterLength, mark.number):
            told["tempo"] = mark.referent.quarterLength, mark.number
            measure.insert(0, mark)
        for each in slices(staff.notes, start, length):
            measure.insert(_quarters(each.start), _sounding(each, spelling, ringing))
            ringing = {pitch for pitch, on in each.pitches.items() if on}
        if piece.has_pickup and index == 0:
            measure.padAsAnacrusis()
        part.append(measure)
    part.getElementsByClass("Measure").last().rightBarline = bar.Barline("final")
    return part


def _tempo(piece: Piece, index: int) -> Any:
    from music21 import duration, tempo  # noqa: PLC0415 (a second that only this file needs)

    beat = beat_ticks(*piece.bars[index, 2:].tolist())
    number = round(float(piece.tempo_bpm[index]) * TICKS_PER_QUARTER / beat)
    return tempo.MetronomeMark(number=number, referent=duration.Duration(_quarters(beat)))


def _sounding(part: Slice, spelling: Spelling, ringing: set[int]) -> Any:
    """A rest, a note or a chord, tied to what was ``ringing`` before and to what rings on."""
    from music21 import chord, note, pitch, tie  # noqa: PLC0415 (a second that only this file needs)

    notes = []
    for number, on in sorted(part.pitches.items()):
        letter, octave, shift = spelling.placed(number)
        each = note.Note(pitch.Pitch(step=letter, octave=octave + 4, accidental=shift or None))
        if on or number in ringing:
            each.tie = tie.Tie(("continue" if on else "stop") if number in ringing else "start")
        notes.append(each)
    made = notes[0] if len(notes) == 1 else chord.Chord(notes) if notes else note.Rest()
    made.duration.quarterLength = _quarters(part.end - part.start)
    return made


def _quarters(ticks: int) -> Fraction:
    return Fraction(ticks, TICKS_PER_QUARTER)
