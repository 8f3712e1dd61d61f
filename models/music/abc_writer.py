"""A piece as a tune in ABC: its voices on one staff or two, each a line of chords and ties.

Notes that overlap within a voice are cut where another begins or ends and tied, as a score has them. Beats that divide
by three and not by two are written as triplets. ABC standard 2.1 (https://abcnotation.com/wiki/abc:standard:v2.1);
``read_abc`` gives the notes back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np

from .dance_types import beat_ticks
from .engraving import Slice, Spelling, key_of, slices, staves
from .notes import TICKS_PER_QUARTER, IntArray, Piece

EIGHTH = 12  # ticks: the note length L: of what is written
BARS_A_LINE = 4
THIRTY_SECOND = 3
PLAIN = (96, 72, 48, 36, 24, 18, 12, 9, 6, 3)  # ticks of notes with at most one dot, longest first
REST, UNSEEN = "z", "x"  # the second in a voice beside another one on its staff, but for a triplet's: they are counted
SIGN = {-1: "_", 0: "=", 1: "^"}


def write_abc(piece: Piece, *, reading: bool = False) -> str:
    """The piece as a tune: melody and accompaniment, or one voice where there is none.

    Velocities have no place in ABC, beats a minute are whole numbers, and what rings past the last bar ends with it.
    For ``reading``, there is a staff for each hand (``staves``), and one tempo stands over it, the mean of its bars.
    """
    if reading:
        piece = replace(piece, tempo_bpm=np.full_like(piece.tempo_bpm, piece.tempo_bpm.mean()))
    found = staves(piece, reading=reading)
    key = key_of(piece)
    numerator, denominator = piece.bars[0, 2:].tolist()
    head = ["X:1", *(f"T:{_line_of(title)}" for title in piece.titles or ("Untitled",))]
    head += [f"M:{numerator}/{denominator}", "L:1/8", f"Q:{_tempo(piece, 0)}"]
    if [len(staff.voices) for staff in found] == [1] and found[0].clef == "treble":
        return "\n".join([*head, f"K:{key}", *_lines(piece, found[0].voices[0], key, tempi=True)]) + "\n"
    body: list[str] = []
    on_staff: list[str] = []
    number = 0
    for staff in found:
        first = number + 1
        for voice in staff.voices:
            number += 1
            rest = REST if voice is staff.voices[staff.rests] else UNSEEN
            body += [f"V:{number} clef={staff.clef}", *_lines(piece, voice, key, tempi=number == 1, rest=rest)]
        told = " ".join(map(str, range(first, number + 1)))
        on_staff.append(f"({told})" if number > first else told)
    return "\n".join([*head, f"%%score {{{' | '.join(on_staff)}}}", f"K:{key}", *body]) + "\n"


def _line_of(title: str) -> str:
    return " ".join(title.replace("%", r"\%").split())


def _tempo(piece: Piece, bar: int) -> str:
    """How many of the felt beats a minute has: "1/4=96", in a jig "3/8=120"."""
    beat = beat_ticks(*piece.bars[bar, 2:].tolist())
    bpm = min(600.0, max(20.0, float(piece.tempo_bpm[bar])))
    return f"{Fraction(beat, 4 * TICKS_PER_QUARTER)}={round(bpm * TICKS_PER_QUARTER / beat)}"


def _lines(piece: Piece, notes: IntArray, key: str, *, tempi: bool, rest: str = REST) -> Iterator[str]:
    """A voice, some bars a line; changes of meter, and of tempo where this voice tells them, before their bar."""
    spelling = Spelling(key)
    line: list[str] = []
    meter, tempo = piece.bars[0, 2:].tolist(), _tempo(piece, 0)
    last = len(piece.bars) - 1
    for bar, (start, length, *meter_now) in enumerate(piece.bars.tolist()):
        text = ""
        if meter_now != meter:
            text, meter = f"[M:{meter_now[0]}/{meter_now[1]}]", meter_now
        if tempi and _tempo(piece, bar) != tempo:
            tempo = _tempo(piece, bar)
            text += f"[Q:{tempo}]"
        speller = Speller(spelling)
        text += _bar(notes, start, length, beat_ticks(*meter), speller, rest=rest)
        line.append(text + (" |]" if bar == last else " |"))
        if len(line) == BARS_A_LINE or bar == last:
            yield " ".join(line)
            line = []


class Speller:
    """Writes pitches of one bar: an accidental where the key and the earlier ones of the bar don't say it already.

    Some readers let an accidental hold in its own octave, others in all of them; what is written is right for both.
    """

    def __init__(self, spelling: Spelling) -> None:
        self.spelling = spelling
        self.by_letter: dict[str, int | None] = dict(spelling.signature)  # the last accidental; None: doubtful
        self.by_place: dict[tuple[str, int], int] = {}  # the same of a letter in its octave

    def chord(self, pitches: list[int]) -> list[str]:
        """What is written for each of several pitches at once."""
        placed = [self.spelling.placed(pitch) for pitch in pitches]
        shifts: dict[str, set[int]] = {}
        for letter, _, shift in placed:
            shifts.setdefault(letter, set()).add(shift)
        clashing = {letter for letter, found in shifts.items() if len(found) > 1}
        written = []
        for letter, octave, shift in placed:
            if letter in clashing:
                self.by_letter[letter] = None
            written.append(self.note(letter, octave, shift))
        self.by_letter |= dict.fromkeys(clashing)
        return written

    def note(self, letter: str, octave: int, shift: int) -> str:
        """The letter, with octave marks and the accidental that it needs."""
        usual = self.spelling.signature.get(letter, 0)
        known = {self.by_letter.get(letter, usual), self.by_place.get((letter, octave), usual)}
        name = letter + "," * -octave if octave < 1 else letter.lower() + "'" * (octave - 1)
        if known == {shift}:
            return name
        self.by_letter[letter] = self.by_place[letter, octave] = shift
        return SIGN[shift] + name


def _bar(notes: IntArray, start: int, length: int, beat: int, speller: Speller, *, rest: str) -> str:
    """One bar of a voice, beat by beat; notes within a beat are beamed."""
    parts = slices(notes, start, length)
    text: list[str] = []
    for triplet, group in _beats(parts, beat):
        written = [(part, _written(part.end - part.start, triplet=triplet)) for part in group]
        shown = REST if triplet else rest
        told = "".join(_sounding(part, lengths, speller, rest=shown) for part, lengths in written)
        text.append((f"(3:2:{sum(len(lengths) for _, lengths in written)}" if triplet else "") + told)
    return " ".join(text)


def _beats(parts: list[Slice], beat: int) -> Iterator[tuple[bool, list[Slice]]]:
    """Slices by the beats in which they begin; those of a triplet beat are cut at its end.

    A beat is a triplet's where a slice begins or ends in it that thirty-seconds don't reach but half of their triplets
    do.
    """
    triplets = set()
    for edge in {moment for part in parts for moment in (part.start, part.end)}:
        if edge % THIRTY_SECOND and edge % 2 == 0:
            triplets.add(edge // beat)
    odd = {edge // beat for part in parts for edge in (part.start, part.end) if edge % THIRTY_SECOND and edge % 2}
    end = parts[-1].end
    triplets = {number for number in triplets - odd if (number + 1) * beat <= end}
    edges = {edge for number in triplets for edge in (number * beat, (number + 1) * beat)}
    groups: dict[int, list[Slice]] = {}
    for part in parts:
        rest_to = {-(-part.start // beat) * beat} if not part.pitches else set()  # a rest is told to the next beat
        cuts = sorted({part.start, part.end, *(edge for edge in edges | rest_to if part.start < edge < part.end)})
        for a, b in pairwise(cuts):
            sounding = dict.fromkeys(part.pitches, True) if b < part.end else dict(part.pitches)
            groups.setdefault(a // beat, []).append(Slice(a, b, sounding))
    for number, group in sorted(groups.items()):
        yield number in triplets, group


def _written(ticks: int, *, triplet: bool) -> list[Fraction]:
    """Lengths in eighths that a note is written with, tied together; one odd length where scores know none."""
    shown = Fraction(ticks * 3, 2) if triplet else Fraction(ticks)
    if shown % THIRTY_SECOND:
        return [shown / EIGHTH]
    left, lengths = int(shown), []
    while left:
        fitting = next(plain for plain in PLAIN if plain <= left)
        lengths.append(Fraction(fitting, EIGHTH))
        left -= fitting
    return lengths


def _sounding(part: Slice, lengths: list[Fraction], speller: Speller, *, rest: str) -> str:
    """A rest, a note or a chord, as long as ``lengths`` tied together."""
    text = ""
    for index, length in enumerate(lengths):
        above = "" if length.numerator == 1 else str(length.numerator)
        tail = above + (f"/{length.denominator}" if length.denominator > 1 else "")
        last = index == len(lengths) - 1
        names = speller.chord(sorted(part.pitches))
        ties = ["" if last and not on else "-" for _, on in sorted(part.pitches.items())]
        if not names:
            text += f"{rest}{tail}"
        elif len(names) == 1:
            text += f"{names[0]}{tail}{ties[0]}"
        else:
            text += f"[{''.join(name + tie for name, tie in zip(names, ties, strict=True))}]{tail}"
    return text
