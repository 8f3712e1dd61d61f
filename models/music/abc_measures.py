"""The body of an ABC tune as measures (notes, tuplets, graces, ties, bar lines), with its repeats written out.

ABC standard 2.1 (https://abcnotation.com/wiki/abc:standard:v2.1), as it is used in tune books. Times are whole numbers
of ``1 / WHOLE`` whole notes, in which triplets, quintuplets and septuplets down to 1/256 are exact. Repeats are
``|: :|``, numbered endings, and a part order such as ``P:AABA`` (sections 4.8 to 4.10).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from .abc_fields import (
    PERCUSSION,
    SIGNS,
    STEPS,
    UNITS_PER_TICK,
    WHOLE,
    Clef,
    chord_name,
    field_of,
    key_signature,
    meter,
    tempo_bpm,
    unit_length,
)  # fmt: skip
from .notes import MAX_NOTES, MusicError

MAX_BARS = 5_000
MAX_TIMES = 8
MOST_PARTS = 64

GRACE_UNITS = 4 * UNITS_PER_TICK  # a sixth of a quarter: 50 ms in a reel
MAX_MEASURES = 5_000
MAX_VOICES = 64
MAX_FIELD = 300
MAX_CHORD = 32
MAX_WHOLES = 4_000  # in one bar: a tune without bar lines is cut by its meter
NOTE = re.compile(r"(\^\^|\^|__|_|=)?([A-Ga-g])([,']*)")
LENGTH = re.compile(r"(\d*)(/*)(\d*)")
BAR = re.compile(r"(:*)(\[?\|+\]?\|?|\[\|\])(:*)|(::+)")
ENDING = re.compile(r"(?:\s*\[\s*)?(\d[\d,\-. ]*)")
LOOSE_ENDING = re.compile(r"\[\s*(\d[\d,\-.]*)")
TUPLET = re.compile(r"\((\d{1,2})(?::(\d{0,2}))?(?::(\d{0,2}))?")
INLINE = re.compile(r"\[([A-Za-z]):")
DECORATION = re.compile(r"!([^!\n|]{0,30})!|\+([a-zA-Z().<>0-9]{1,20})\+")


@dataclass
class Measure:
    """What stands between two bar lines; times in units (``abc_measures.WHOLE`` a whole note) from its start."""

    notes: list[tuple[int, int, int, bool]] = field(default_factory=list)  # onset, duration, pitch, tied to the next
    length: int = 0
    meter: tuple[int, int] | None = (4, 4)
    tempi: list[tuple[int, float]] = field(default_factory=list)  # when it changes, and to how many quarters a minute
    chord: str | None = None
    opens: bool = False  # a repeat starts here
    closes: int = 0  # the section is played this many more times
    endings: tuple[int, ...] = ()  # an ending starts here, for these passes
    section: bool = False  # ends with a double bar
    part: str = ""


def written_out(measures: list[Measure], order: str = "") -> list[Measure]:
    """The measures in the order in which they sound; raises ``MusicError`` beyond ``MAX_BARS``."""
    if not order:
        return _without_repeats(measures)
    parts: dict[str, list[Measure]] = {}
    for measure in measures:
        parts.setdefault(measure.part, []).append(measure)
    letters = _part_order(order)
    if not letters or any(letter not in parts for letter in letters):
        return _without_repeats(measures)
    out = list(_without_repeats(parts.get("", [])))
    for letter in letters:
        out += _without_repeats(parts[letter])
        _check(out)
    return out


def _check(out: list[Measure]) -> None:
    if len(out) > MAX_BARS:
        raise MusicError(f"the tune has more than {MAX_BARS} bars with its repeats written out; fewer are allowed")


def _part_order(order: str) -> str:
    """``A2BA`` as ``AABA``, ``((AB)3.C)2`` as ``ABABABCABABABC``; more than 64 parts are refused."""
    groups = [""]
    for sign in re.findall(r"[A-Z]\d*|\(|\)\d*|[^\s.*]", order):
        if sign == "(":
            groups.append("")
            continue
        if sign[0] == ")" and len(groups) > 1:
            again = groups.pop()
        elif "A" <= sign[0] <= "Z":
            again = sign[0]
        else:
            return ""
        groups[-1] += again * min(int(sign[1:4] or 1), MOST_PARTS + 1)
        if len(groups[-1]) > MOST_PARTS:
            raise MusicError(
                f"the part order {order[:40]!r} plays more than {MOST_PARTS} parts; at most that many are allowed"
            )
    return groups[0] if len(groups) == 1 else ""


def _without_repeats(measures: list[Measure]) -> list[Measure]:
    out: list[Measure] = []
    start = 0
    while start < len(measures):
        end = _section_end(measures, start)
        out += _section(measures[start:end])
        _check(out)
        start = end
    return out


def _section_end(measures: list[Measure], start: int) -> int:
    """One past the last measure of the repeated section that begins at ``start``, with all its endings."""
    index = start
    while index < len(measures):
        measure = measures[index]
        if index > start and measure.opens:
            return index
        if measure.closes and not _ending_follows(measures, index):
            return index + 1
        if _closed_before(measures, start, index) and measure.section and not _ending_follows(measures, index):
            return index + 1
        index += 1
    return len(measures)


def _ending_follows(measures: list[Measure], index: int) -> bool:
    follows = index + 1 < len(measures) and measures[index + 1].endings
    return bool(follows and min(measures[index + 1].endings) > 1)


def _closed_before(measures: list[Measure], start: int, index: int) -> bool:
    return any(measure.closes for measure in measures[start:index])


def _section(measures: list[Measure]) -> list[Measure]:
    first = next((i for i, m in enumerate(measures) if m.endings), None)
    if first is None:
        times = 1 + max((m.closes for m in measures), default=0)
        return measures * min(times, MAX_TIMES)
    body = measures[:first]
    endings: list[tuple[tuple[int, ...], list[Measure]]] = []
    for measure in measures[first:]:
        if measure.endings:
            endings.append((measure.endings, []))
        endings[-1][1].append(measure)
    passes = min(max(max(numbers) for numbers, _ in endings), MAX_TIMES)
    if passes == 1 and any(m.closes for m in measures):
        passes = 2
    out: list[Measure] = []
    for number in range(1, passes + 1):
        out += body
        out += next((bars for numbers, bars in endings if number in numbers), [])
    return out


class Voice:
    """One voice while it is read: its own key, meter, unit, clef and place; ``out`` are its measures so far."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.meter, self.signature, self.unit = body.meter, body.signature, body.unit
        self.clef = body.clef
        self.out = [Measure(meter=self.meter, part=body.part)]
        self.accidentals: dict[str, int] = {}
        self.tied: dict[tuple[str, int], int] = {}
        self.time = 0
        self.broken = (1, 1)
        self.tuplet = (1, 1, 0, 0)  # in the time of how many, how many, notes left, units that were written
        self.graces: list[int] = []
        self.last: list[int] | None = None  # places of the last notes in their measure; none of a rest

    def field(self, letter: str, value: str) -> None:
        """A field that is this voice's own from here on."""
        if letter == "K":
            self.signature, self.clef = key_signature(value, self.signature), self.clef.told(value)
        elif letter == "M":
            self.meter = meter(value)
            if not self.out[-1].length:
                self.out[-1].meter = self.meter
        elif letter == "L":
            self.unit = unit_length(value)
        elif letter == "Q" and (bpm := tempo_bpm(value)):
            self.out[-1].tempi.append((self.time, bpm))
        elif letter == "P":
            if self.out[-1].length:
                self.close(Measure())
            self.out[-1].part = self.body.part

    def close(self, like: Measure) -> None:
        """End the measure; ``like`` carries the repeat marks of the bar line."""
        now = self.out[-1]
        if now.length or now.notes:
            now.closes = max(now.closes, like.closes)
            now.section = now.section or like.section
            if len(self.out) >= MAX_MEASURES:
                raise MusicError(f"the tune has more than {MAX_MEASURES} bars; fewer are allowed")
            now = Measure(meter=self.meter, part=self.body.part)
            self.out.append(now)
        elif len(self.out) > 1:
            self.out[-2].closes = max(self.out[-2].closes, like.closes)
            self.out[-2].section = self.out[-2].section or like.section
        now.opens = now.opens or like.opens
        self.accidentals = {}
        self.last = None
        self.time = 0

    def pitch(self, sign: str | None, letter: str, marks: str) -> tuple[int, tuple[str, int]]:
        """The MIDI pitch of what is written, and the name by which a tie knows it."""
        octave = 5 + (1 if letter.islower() else 0) + marks.count("'") - marks.count(",")
        name = letter.upper()
        if sign is not None:
            self.accidentals[name] = SIGNS[sign]
        shift = self.accidentals.get(name, self.signature.get(name, 0))
        if sign is None and (name, octave) in self.tied:  # a tie carries the accidental over the bar line
            shift = self.tied[name, octave]
        written = 12 * octave + STEPS[name] + shift
        return min(127, max(0, written + self.clef.semitones)), (name, octave)

    def _tie(self, names: Sequence[tuple[str, int]], pitches: Sequence[tuple[int, bool]]) -> None:
        self.tied = {
            name: pitch - self.clef.semitones - 12 * name[1] - STEPS[name[0]]
            for name, (pitch, on) in zip(names, pitches, strict=True)
            if on
        }

    def duration(self, text: str, at: int) -> tuple[int, int]:
        """The length written at ``at``, in units, and where it ends."""
        match = LENGTH.match(text, at)
        if match is None:  # the pattern also matches nothing at all
            return self.unit, at
        numerator, slashes, denominator = match.groups()
        if len(numerator) > 4 or len(denominator) > 4 or len(slashes) > 8:
            raise MusicError(f"the note length {match[0][:20]!r} is out of range; lengths go up to 9999")
        divisor = int(denominator) if denominator else 2 ** len(slashes)
        if divisor == 0:
            raise MusicError(f"the note length {match[0]!r} divides by zero")
        return self.unit * (int(numerator) if numerator else 1) // divisor, match.end()

    def add(self, pitches: list[tuple[int, bool]], duration: int) -> None:
        """Put a note, chord or rest at the current time, graces before it on its own time."""
        num, den, left, written = self.tuplet
        if left:
            self.tuplet = (num, den, left - 1, written + duration)
            duration = (written + duration) * num // den - written * num // den
        duration = duration * self.broken[0] // self.broken[1]
        self.broken = (1, 1)
        measure, start, rest = self.out[-1], self.time, duration
        if pitches and self.graces:
            each = min(GRACE_UNITS, duration // (2 * len(self.graces)))
            for pitch in self.graces:
                if each:
                    measure.notes.append((start, each, pitch, False))
                    start, rest = start + each, rest - each
        self.graces = []
        self.last = []
        for pitch, tied in pitches:
            self.last.append(len(measure.notes))
            measure.notes.append((start, max(1, rest), pitch, tied))
        self.body.count_notes(len(pitches))
        self.last_duration = duration
        self.time += duration
        measure.length = max(measure.length, self.time)
        if measure.length > MAX_WHOLES * WHOLE:
            raise MusicError(f"a bar of the tune lasts more than {MAX_WHOLES} whole notes; bar lines are needed")

    def rest_bars(self, text: str, at: int) -> int:
        """``Z4`` and ``X4``: whole bars of rest, each a measure; where it ends."""
        match = LENGTH.match(text, at)
        count = int(match[1]) if match and match[1] and len(match[1]) <= 4 else 1
        bar = WHOLE * self.meter[0] // self.meter[1] if self.meter else WHOLE
        for number in range(count):
            if number:
                self.close(Measure())
            self.add([], bar)
        return at if match is None else match.end()

    def break_rhythm(self, sign: str, count: int) -> None:
        """``a>b``: dot the last note or rest and shorten the next; ``<`` the other way round."""
        count = min(count, 3)
        long, short = 2 ** (count + 1) - 1, 1
        now, then = (long, short) if sign == ">" else (short, long)
        if self.last is None:
            return
        measure, whole = self.out[-1], 2**count
        change = self.last_duration * now // whole - self.last_duration
        for index in self.last:
            if index < len(measure.notes):
                onset, duration, pitch, tied = measure.notes[index]
                measure.notes[index] = (onset, max(1, duration + change), pitch, tied)
        self.time += change
        measure.length = max((n[0] + n[1] for n in measure.notes), default=0) if change < 0 else self.time
        measure.length = max(measure.length, self.time)
        self.broken = (then, whole)

    def note(self, line: str, match: re.Match[str]) -> int:
        """A single note; where it ends."""
        pitch, name = self.pitch(*match.groups())
        duration, at = self.duration(line, match.end())
        tied = line.startswith("-", at)
        self._tie([name], [(pitch, tied)])
        self.add([(pitch, tied)], duration)
        return at + tied

    def chord(self, line: str, at: int) -> int:
        """The notes up to ``]``, whose decorations and words are passed over; where the chord ends."""
        pitches: list[tuple[int, bool]] = []
        names: list[tuple[str, int]] = []
        duration = None
        while at < len(line) and line[at] != "]":
            if match := NOTE.match(line, at):
                pitch, name = self.pitch(*match.groups())
                own, at = self.duration(line, match.end())
                duration = own if duration is None else duration
                tied = line.startswith("-", at)
                at += tied
                pitches.append((pitch, tied))
                names.append(name)
                if len(pitches) > MAX_CHORD:
                    raise MusicError(
                        f"a chord of the tune has more than {MAX_CHORD} notes; at most that many are allowed"
                    )
            elif line[at] == '"':
                at = self.quoted(line, at)
            elif match := DECORATION.match(line, at):
                at = match.end()
            else:
                at += 1
        duration = self.unit if duration is None else duration
        outer, after = self.duration(line, at + 1)
        duration = duration * outer // self.unit
        tied = line.startswith("-", after)
        if pitches:
            pitches = [(pitch, own or tied) for pitch, own in pitches]
            self._tie(names, pitches)
            self.add(pitches, duration)
        return after + tied

    def start_tuplet(self, match: re.Match[str]) -> None:
        """``(p:q:r``: p notes in the time of q for the next r; what is left out is as the standard says."""
        count = int(match[1])
        if count < 2:
            return
        compound = self.meter is not None and self.meter[0] % 3 == 0 and self.meter[1] >= 8
        default = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}.get(count, 3 if compound else 2)
        self.tuplet = (int(match[2] or 0) or default, count, int(match[3] or 0) or count, 0)

    def read_graces(self, line: str, at: int) -> int:
        """Graces of the next note, up to ``}``; where they end."""
        end = line.find("}", at)
        end = len(line) if end < 0 else end
        for match in NOTE.finditer(line, at, end):
            self.graces.append(self.pitch(*match.groups())[0])
        self.graces = self.graces[:8]
        return end + 1

    def quoted(self, line: str, at: int) -> int:
        """A chord symbol or words; where they end."""
        end = line.find('"', at + 1)
        end = len(line) if end < 0 else end
        if self.out[-1].chord is None:
            self.out[-1].chord = chord_name(line[at + 1 : end])
        return end + 1

    def start_ending(self, numbers: str) -> None:
        """The measure that begins here is played on these passes."""
        passes: set[int] = set()
        for low, high in re.findall(r"(\d)\d*(?:-(\d)\d*)?", numbers):
            passes |= set(range(int(low), int(high or low) + 1))
        if self.out[-1].length:
            self.close(Measure())
        self.out[-1].endings = tuple(sorted(passes - {0})) or (1,)


class Body:
    """Reads the lines of one tune's body; ``voices`` holds the result by name, in their order."""

    def __init__(self, header: dict[str, str], voices: Sequence[str] = ()) -> None:
        """``voices`` are the ``V:`` fields of the header; music before a ``V:`` of the body is the first one's."""
        self.meter = meter(header.get("M", "none"))
        self.signature = key_signature(header.get("K", ""), {})
        self.clef = Clef().told(header.get("K", ""))
        if "L" in header:
            self.unit = unit_length(header["L"])
        else:
            short = self.meter is not None and self.meter[0] / self.meter[1] < 0.75
            self.unit = WHOLE // (16 if short else 8)
        self.part = ""
        self.notes_read = 0
        self.voices: dict[str, Voice] = {}
        for value in voices:
            self._voice(value)
        self.voice = next(iter(self.voices.values())) if self.voices else self._voice("1")

    def count_notes(self, more: int) -> None:
        """Raises ``MusicError`` beyond ``MAX_NOTES`` of all voices."""
        self.notes_read += more
        if self.notes_read > MAX_NOTES:
            raise MusicError(f"the tune has more than {MAX_NOTES} notes; at most {MAX_NOTES} are allowed")

    def _voice(self, value: str) -> Voice:
        """Go on with the voice that a ``V:`` field names; what stands behind its name is about its clef."""
        name, _, told = value.strip().partition(" ")
        if len(self.voices) >= MAX_VOICES and name not in self.voices:
            raise MusicError(f"the tune has more than {MAX_VOICES} voices; at most {MAX_VOICES} are allowed")
        self.voice = self.voices.get(name) or self.voices.setdefault(name, Voice(self))
        self.voice.clef = self.voice.clef.told(told)
        if not self.voice.out[-1].length:
            self.voice.out[-1].part = self.part
        return self.voice

    def _field(self, letter: str, value: str) -> None:
        if letter == "V":
            self._voice(value.replace("\t", " "))
            return
        if letter == "P":
            self.part = value.strip()[:1]
        self.voice.field(letter, value)

    def read(self, lines: Sequence[str]) -> None:
        """Read the body's lines; raises ``MusicError`` where a field or a length makes no sense."""
        for raw in lines:
            if PERCUSSION.match(raw):
                self.voice.clef = self.voice.clef.told("perc")
            line = re.sub(r"(?<!\\)%.*", "", raw)
            if match := field_of(line):
                self._field(match[1], match[2][:MAX_FIELD])
            elif line.strip() and not line.startswith("+:"):
                self._line(line)

    def _line(self, line: str) -> None:  # noqa: PLR0912 (one branch a kind of symbol reads better than a table)
        at = 0
        while at < len(line):
            char, voice = line[at], self.voice
            if char in "[|:" and (step := self._bar_or_bracket(line, at)):
                at = step
            elif char in "^_=ABCDEFGabcdefg" and (match := NOTE.match(line, at)):
                at = voice.note(line, match)
            elif char in "zx":
                duration, at = voice.duration(line, at + 1)
                voice.add([], duration)
            elif char in "ZX" and not field_of(line[at:]):
                at = voice.rest_bars(line, at + 1)
            elif char == "y":
                at = voice.duration(line, at + 1)[1]
            elif char in "<>":
                end = at
                while end < len(line) and line[end] == char:
                    end += 1
                voice.break_rhythm(char, end - at)
                at = end
            elif char == "(" and (match := TUPLET.match(line, at)):
                voice.start_tuplet(match)
                at = match.end()
            elif char == "{":
                at = voice.read_graces(line, at)
            elif char == '"':
                at = voice.quoted(line, at)
            elif char in "!+" and (match := DECORATION.match(line, at)):
                at = match.end()
            elif char == "&":
                voice.time = 0
                at += 1
            else:
                at += 1

    def _bar_or_bracket(self, line: str, at: int) -> int:
        """Bar lines, endings, inline fields and chords; 0 where none of them stands here."""
        voice = self.voice
        if match := INLINE.match(line, at):
            end = line.find("]", at)
            end = len(line) if end < 0 else end
            self._field(match[1], line[match.end() : end][:MAX_FIELD])
            return end + 1
        if match := LOOSE_ENDING.match(line, at):
            voice.start_ending(match[1])
            return match.end()
        if (match := BAR.match(line, at)) and not (line[at] == "[" and match[0] == "["):
            before, thick, after, double = match.groups()
            closes, opens = (len(double) // 2, True) if double else (len(before), bool(after))
            sectional = bool(double or opens or closes or len(thick) > 1)
            voice.close(Measure(closes=min(closes, 7), opens=opens, section=sectional))
            if ending := ENDING.match(line, match.end()):
                voice.start_ending(ending[1])
                return ending.end(1)
            return match.end()
        if line[at] == "[":
            return voice.chord(line, at + 1)
        return 0
