"""The body of an ABC tune as measures: notes, rests, chords, tuplets, broken rhythm, graces, ties, bar lines.

ABC standard 2.1 (https://abcnotation.com/wiki/abc:standard:v2.1), as it is used in tune books. Times are whole numbers
of ``1 / WHOLE`` whole notes, in which triplets, quintuplets and septuplets down to 1/256 are exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .abc_fields import SIGNS, STEPS, UNITS_PER_TICK, WHOLE, chord_name, key_signature, meter, tempo_bpm, unit_length
from .abc_repeats import Measure
from .notes import MAX_NOTES, MusicError

GRACE_UNITS = 4 * UNITS_PER_TICK  # a sixth of a quarter: 50 ms in a reel
MAX_MEASURES = 5_000
MAX_FIELD = 300
MAX_CHORD = 32
MAX_WHOLES = 4_000  # in one bar: a tune without bar lines is cut by its meter
NOTE = re.compile(r"(\^\^|\^|__|_|=)?([A-Ga-g])([,']*)")
LENGTH = re.compile(r"(\d*)(/*)(\d*)")
BAR = re.compile(r"(:*)(\[?\|+\]?\|?|\[\|\])(:*)|(::+)")
ENDING = re.compile(r"(?:\s*\[\s*)?(\d[\d,\-. ]*)")
LOOSE_ENDING = re.compile(r"\[\s*(\d[\d,\-.]*)")
TUPLET = re.compile(r"\((\d)(?::(\d*))?(?::(\d*))?")
INLINE = re.compile(r"\[([A-Za-z]):([^\]\n]{0,200})\]")
DECORATION = re.compile(r"!([^!\n|]{0,30})!|\+([a-zA-Z().<>0-9]{1,20})\+")
BODY_FIELD = re.compile(r"^[IKLMNPQRTUVWmnrswX+]:")


class Body:
    """Reads the lines of one tune's body; ``measures`` holds the result for all voices together."""

    def __init__(self, header: dict[str, str]) -> None:
        self.meter = meter(header.get("M", "none"))
        self.signature = key_signature(header.get("K", ""), {})
        if "L" in header:
            self.unit = unit_length(header["L"])
        else:
            short = self.meter is not None and self.meter[0] / self.meter[1] < 0.75
            self.unit = WHOLE // (16 if short else 8)
        self.tempo: float | None = None
        self.part = ""
        self.notes_read = 0
        self.voices: dict[str, list[Measure]] = {}
        self._voice("1")

    @property
    def measures(self) -> list[Measure]:
        """Measures of the first voice, the notes of the others in the measure of the same number."""
        first, *others = self.voices.values()
        for measures in others:
            for mine, theirs in zip(first, measures, strict=False):
                mine.notes += theirs.notes
                mine.length = max(mine.length, theirs.length)
        return [m for m in first if m.length]

    def _voice(self, name: str) -> None:
        if len(self.voices) >= 16 and name not in self.voices:
            raise MusicError("the tune has more than 16 voices; at most 16 are allowed")
        self.out = self.voices.setdefault(name, [])
        if not self.out:
            self.out.append(Measure(meter=self.meter, part=self.part))
        self.accidentals: dict[str, int] = {}
        self.tied: dict[tuple[str, int], int] = {}
        self.time = self.out[-1].length
        self.broken = (1, 1)
        self.tuplet = (1, 1, 0)
        self.graces: list[int] = []
        self.last: list[int] = []

    def _field(self, letter: str, value: str) -> None:
        if letter == "K":
            self.signature = key_signature(value, self.signature)
        elif letter == "M":
            self.meter = meter(value)
            if not self.out[-1].length:
                self.out[-1].meter = self.meter
        elif letter == "L":
            self.unit = unit_length(value)
        elif letter == "Q":
            self.out[-1].tempo_bpm = tempo_bpm(value) or self.out[-1].tempo_bpm
        elif letter == "P":
            self.part = value.strip()[:1]
            if self.out[-1].length:
                self._close(Measure())
            self.out[-1].part = self.part
        elif letter == "V":
            self._voice(re.sub(r"\s.*", "", value.strip()) or "1")

    def _close(self, like: Measure) -> None:
        """End the measure; ``like`` carries the repeat marks of the bar line."""
        now = self.out[-1]
        if now.length or now.notes:
            now.closes = max(now.closes, like.closes)
            now.section = now.section or like.section
            if len(self.out) >= MAX_MEASURES:
                raise MusicError(f"the tune has more than {MAX_MEASURES} bars; fewer are allowed")
            now = Measure(meter=self.meter, part=self.part)
            self.out.append(now)
        elif len(self.out) > 1:
            self.out[-2].closes = max(self.out[-2].closes, like.closes)
            self.out[-2].section = self.out[-2].section or like.section
        now.opens = now.opens or like.opens
        self.accidentals = {}
        self.time = 0

    def _pitch(self, sign: str | None, letter: str, marks: str) -> tuple[int, tuple[str, int]]:
        octave = 5 + (1 if letter.islower() else 0) + marks.count("'") - marks.count(",")
        name = letter.upper()
        if sign is not None:
            self.accidentals[name] = SIGNS[sign]
        shift = self.accidentals.get(name, self.signature.get(name, 0))
        if sign is None and (name, octave) in self.tied:  # a tie carries the accidental over the bar line
            shift = self.tied[name, octave]
        return min(127, max(0, 12 * octave + STEPS[name] + shift)), (name, octave)

    def _duration(self, text: str, at: int) -> tuple[int, int]:
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

    def _add(self, pitches: list[tuple[int, bool]], duration: int) -> None:
        """Put a note, chord or rest at the current time, graces before it on its own time."""
        num, den, left = self.tuplet
        if left:
            duration = duration * num // den
            self.tuplet = (num, den, left - 1)
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
        self.notes_read += len(pitches)
        if self.notes_read > MAX_NOTES:
            raise MusicError(f"the tune has more than {MAX_NOTES} notes; at most {MAX_NOTES} are allowed")
        self.last_start, self.last_duration = start, duration
        self.time += duration
        measure.length = max(measure.length, self.time)
        if measure.length > MAX_WHOLES * WHOLE:
            raise MusicError(f"a bar of the tune lasts more than {MAX_WHOLES} whole notes; bar lines are needed")

    def _break(self, sign: str, count: int) -> None:
        """``a>b``: dot the last note and shorten the next; ``<`` the other way round."""
        count = min(count, 3)
        long, short = 2 ** (count + 1) - 1, 1
        now, then = (long, short) if sign == ">" else (short, long)
        if not self.last:
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

    def read(self, lines: Iterator[str] | list[str]) -> None:
        """Read the body's lines; raises ``MusicError`` where a field or a length makes no sense."""
        for raw in lines:
            line = re.sub(r"(?<!\\)%.*", "", raw)
            if BODY_FIELD.match(line):
                self._field(line[0], line[2:MAX_FIELD])
            elif line.strip():
                self._line(line)

    def _line(self, line: str) -> None:  # noqa: PLR0912 (one branch a kind of symbol reads better than a table)
        at = 0
        while at < len(line):
            char = line[at]
            if char in "[|:" and (step := self._bar_or_bracket(line, at)):
                at = step
            elif char in "^_=ABCDEFGabcdefg" and (match := NOTE.match(line, at)):
                pitch, name = self._pitch(*match.groups())
                duration, at = self._duration(line, match.end())
                tied = line.startswith("-", at)
                self.tied = {name: pitch - 12 * name[1] - STEPS[name[0]]} if tied else {}
                self._add([(pitch, tied)], duration)
                at += tied
            elif char in "zxyZ":
                duration, at = self._duration(line, at + 1)
                if char == "Z":
                    duration = duration * WHOLE // self.unit
                    duration = duration * self.meter[0] // self.meter[1] if self.meter else duration
                if char != "y":
                    self._add([], duration)
            elif char in "<>":
                end = at
                while end < len(line) and line[end] == char:
                    end += 1
                self._break(char, end - at)
                at = end
            elif char == "(" and (match := TUPLET.match(line, at)):
                self._start_tuplet(match)
                at = match.end()
            elif char == "{":
                at = self._read_graces(line, at)
            elif char == '"':
                at = self._read_quoted(line, at)
            elif char in "!+" and (match := DECORATION.match(line, at)):
                at = match.end()
            elif char == "&":
                self.time = 0
                at += 1
            else:
                at += 1

    def _bar_or_bracket(self, line: str, at: int) -> int:
        """Bar lines, endings, inline fields and chords; 0 where none of them stands here."""
        if match := INLINE.match(line, at):
            self._field(match[1], match[2])
            return match.end()
        if match := LOOSE_ENDING.match(line, at):
            self._start_ending(match[1])
            return match.end()
        if (match := BAR.match(line, at)) and not (line[at] == "[" and match[0] == "["):
            before, thick, after, double = match.groups()
            closes, opens = (len(double) // 2, True) if double else (len(before), bool(after))
            sectional = bool(double or opens or closes or len(thick) > 1)
            self._close(Measure(closes=min(closes, 7), opens=opens, section=sectional))
            if ending := ENDING.match(line, match.end()):
                self._start_ending(ending[1])
                return ending.end(1)
            return match.end()
        if line[at] == "[":
            return self._read_chord(line, at + 1)
        return 0

    def _start_ending(self, numbers: str) -> None:
        passes: set[int] = set()
        for low, high in re.findall(r"(\d)\d*(?:-(\d)\d*)?", numbers):
            passes |= set(range(int(low), int(high or low) + 1))
        if self.out[-1].length:
            self._close(Measure())
        self.out[-1].endings = tuple(sorted(passes - {0})) or (1,)

    def _read_chord(self, line: str, at: int) -> int:
        pitches: list[tuple[int, bool]] = []
        names: list[tuple[str, int]] = []
        duration = None
        while at < len(line) and line[at] != "]":
            if match := NOTE.match(line, at):
                pitch, name = self._pitch(*match.groups())
                own, at = self._duration(line, match.end())
                duration = own if duration is None else duration
                tied = line.startswith("-", at)
                at += tied
                pitches.append((pitch, tied))
                names.append(name)
                if len(pitches) > MAX_CHORD:
                    raise MusicError(
                        f"a chord of the tune has more than {MAX_CHORD} notes; at most that many are allowed"
                    )
            else:
                at += 1
        duration = self.unit if duration is None else duration
        outer, after = self._duration(line, at + 1)
        duration = duration * outer // self.unit
        tied = line.startswith("-", after)
        if pitches:
            pitches = [(pitch, own or tied) for pitch, own in pitches]
            held = zip(names, pitches, strict=True)
            self.tied = {name: pitch - 12 * name[1] - STEPS[name[0]] for name, (pitch, on) in held if on}
            self._add(pitches, duration)
        return after + tied

    def _start_tuplet(self, match: re.Match[str]) -> None:
        count = int(match[1])
        if count < 2:
            return
        compound = self.meter is not None and self.meter[0] % 3 == 0 and self.meter[1] >= 8
        default = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}.get(count, 3 if compound else 2)
        self.tuplet = (int(match[2] or 0) or default, count, int(match[3] or 0) or count)

    def _read_graces(self, line: str, at: int) -> int:
        end = line.find("}", at)
        end = len(line) if end < 0 else end
        for match in NOTE.finditer(line, at, end):
            self.graces.append(self._pitch(*match.groups())[0])
        self.graces = self.graces[:8]
        return end + 1

    def _read_quoted(self, line: str, at: int) -> int:
        end = line.find('"', at + 1)
        end = len(line) if end < 0 else end
        if self.out[-1].chord is None:
            self.out[-1].chord = chord_name(line[at + 1 : end])
        return end + 1
