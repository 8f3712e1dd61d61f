"""A piece as MusicXML, which notation programs open: the staves of ``models.music.engraving``.

Written by music21 (Cuthbert & Ariza 2010).
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

from .dance_types import beat_ticks
from .engraving import Slice, Spelling, Staff, key_of, slices, staves
from .notes import TICKS_PER_QUARTER, Piece


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
