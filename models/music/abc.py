"""Tunes in ABC notation as pieces: several tunes a file, all titles, repeats written out, graces as notes.

Our own reader: symusic's (abc2midi inside) exposes one title, ends the process on some files, and loses the bars.

The voices of a tune are joined by time: where the bar lines of one stand, whatever the others call their bars. A voice
may end early, rest for four bars in one measure, or begin with the only pickup: each counts its own time.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path

import numpy as np

from models.music.abc_measures import MAX_BARS, Measure, written_out

from .abc_fields import UNITS_PER_TICK, WHOLE, field_of, tempo_bpm
from .abc_measures import MAX_FIELD, Body
from .dance_types import accent, clean_genre, clean_title, default_tempo_bpm
from .notes import MAX_NOTES, MusicError, Piece
from .tables import TableError, text_of

MAX_BYTES = 4 * 1024 * 1024
MAX_TUNES = 10_000
MAX_TITLES = 32
LINE_END = re.compile(r"\r+\n|\n|\r")
BLOCK = re.compile(r"%%(begin|end)(\w+)")

Voice = Sequence[Measure]


@dataclass
class Tune:
    """The text of one tune: its number, its header fields (the last of each; all titles and voices) and its body."""

    number: str
    titles: list[str] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    voices: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)


def decoded(data: Path | bytes | str) -> str:
    """The text of an ABC file in UTF-8, UTF-16 or Windows-1252; ``MusicError`` beyond 4 MB or where it is not text."""
    size = data.stat().st_size if isinstance(data, Path) else len(data)
    if size > MAX_BYTES:
        raise MusicError(f"the file has {size} bytes; at most {MAX_BYTES} are allowed")
    if isinstance(data, Path):
        data = data.read_bytes()
    try:
        return data.replace("\ufeff", "") if isinstance(data, str) else text_of(data)
    except TableError as error:
        raise MusicError(
            "the file is not ABC: it holds binary data; text with an X: and a K: line is needed"
        ) from error


def lines_of(text: str) -> list[str]:
    """The lines without what stands left of them; rarer line ends count only where the file has no others.

    Within a line of words U+2028 and the like are a stray character, and what follows them is no music. What stands
    between ``%%begintext`` and ``%%endtext``, or others of this kind, is left out.
    """
    lines = LINE_END.split(text)
    if text.count("\u2028") >= len(lines):
        lines = text.splitlines()
    lines = [line.strip() for line in lines]
    marks = {number: match for number, line in enumerate(lines) if (match := BLOCK.match(line))}
    ends = {match[2]: number for number, match in marks.items() if match[1] == "end"}  # the last of each
    kept, block = [], ""
    for number, line in enumerate(lines):
        if (mark := marks.get(number)) and mark[1] == "begin" and not block and ends.get(mark[2], -1) > number:
            block = mark[2]
        if not block:
            kept.append(line)
        if mark and mark[1] == "end" and mark[2] == block:
            block = ""
    return kept


def split_tunes(text: str) -> list[Tune]:
    """The tunes of a file; fields before the first ``X:`` hold for all. Raises ``MusicError`` beyond ``MAX_TUNES``."""
    tunes: list[Tune] = []
    shared: dict[str, str] = {}
    tune: Tune | None = None
    in_body = ended = blank = False
    for line in lines_of(text):
        match = field_of(line)
        if match and match[1] == "X":
            if len(tunes) >= MAX_TUNES:
                raise MusicError(f"the file has more than {MAX_TUNES} tunes; at most that many are allowed")
            tune = Tune(number=re.sub(r"\D.*", "", match[2]) or "0", fields=dict(shared))
            tunes.append(tune)
            in_body = ended = blank = False
        elif tune is None:
            if match and match[1] in "LMQR":
                shared[match[1]] = match[2]
            elif match and match[1] in "KT":
                tune = Tune(number="1", fields=dict(shared))
                tunes.append(tune)
                in_body = _header(tune, match)
        elif not in_body:
            if match:
                in_body = _header(tune, match)
        elif not line:
            blank = True
            ended = ended or any(map(_may_be_music, tune.body))
        elif not ended and not (blank and "|" not in line and _may_be_music(line)):  # prose below a tune without notes
            tune.body.append(line)
    return tunes


def _may_be_music(line: str) -> bool:
    return not line.startswith("%") and not field_of(line)


def _header(tune: Tune, match: re.Match[str]) -> bool:
    """Take one header field; True for ``K:``, which ends the header."""
    letter, value = match[1], re.sub(r"(?<!\\)%.*", "", match[2]).strip()
    value = value[:MAX_FIELD]
    if letter == "T":
        if len(tune.titles) < MAX_TITLES:
            tune.titles.append(value)
    elif letter == "V":
        tune.voices.append(value)
    elif value or letter == "K":
        tune.fields[letter] = value
    return letter == "K"


def titles_of(tune: Tune) -> tuple[str, ...]:
    """Its different titles, clean of type and number."""
    return tuple(dict.fromkeys(title for title in map(clean_title, tune.titles) if title))


def tune_piece(tune: Tune, piece_id: str = "", source: str = "") -> Piece:
    """One tune as a piece; raises ``MusicError`` where it has no notes or cannot be read."""
    genre = clean_genre(tune.fields.get("R", ""))
    titles = titles_of(tune)
    measures, percussion = _measures(tune, f"{tune.number} {titles[0] if titles else piece_id}")
    if not any(measure.notes for measure in measures):
        lacks = "no notes; at least one is needed" if "K" in tune.fields else "no K: line, after which notes begin"
        if percussion:
            lacks = "only percussion, which is left out; a voice with pitches is needed"
        raise MusicError(f"tune X:{tune.number} has {lacks}")
    if sum(len(measure.notes) for measure in measures) > MAX_NOTES:
        raise MusicError(
            f"tune X:{tune.number} has more than {MAX_NOTES} notes with its repeats; that many are allowed"
        )
    first_meter = next((m.meter for m in measures if m.meter), (4, 4))
    notes, bars, tempi, chords = _placed(measures, first_meter)
    return Piece(
        notes=np.array(notes, dtype=np.int32),
        bars=np.array(bars, dtype=np.int32),
        tempo_bpm=np.array(tempi, dtype=np.float32),
        chords=chords,
        titles=titles,
        genre=genre,
        source=source,
        piece_id=piece_id or tune.number,
        extra={"composer": composer} if (composer := tune.fields.get("C", "")) else {},
    )


def _measures(tune: Tune, name: str) -> tuple[list[Measure], bool]:
    """The measures as they sound, without percussion, and whether there is any; ``name`` decides a missing tempo."""
    body = Body(tune.fields, tune.voices)
    body.read(tune.body)
    heard = [voice.out for voice in body.voices.values() if not voice.clef.percussion]
    sounding = [out for out in heard if any(measure.length for measure in out)]
    bpm = tempo_bpm(tune.fields.get("Q", ""))
    if bpm is None:
        first = next((measure.meter for out in sounding for measure in out if measure.meter), (4, 4))
        bpm = default_tempo_bpm(clean_genre(tune.fields.get("R", "")), first, name)
    measures = joined(sounding, tune.fields.get("P", ""), bpm)
    return _full_bars(measures), len(heard) < len(body.voices)


def read_abc(data: Path | bytes | str, piece_id: str = "", source: str = "") -> list[Piece]:
    """Every tune of an ABC file; a broken tune raises ``MusicError``, and so does a file without a tune."""
    tunes = split_tunes(decoded(data))
    if not tunes:
        raise MusicError("the file is not ABC: no X: or K: line was found; each tune needs both")
    if len(tunes) == 1:
        return [tune_piece(tunes[0], piece_id, source)]
    return [tune_piece(tune, f"{piece_id}:{tune.number}" if piece_id else tune.number, source) for tune in tunes]


def _full_bars(measures: list[Measure]) -> list[Measure]:
    """Halves of a bar that a repeat sign or a line end cut in two, joined; bars without a bar line between, cut."""
    out: list[Measure] = []
    for measure in measures:
        nominal = _nominal(measure)
        previous = out[-1] if len(out) > 1 else None
        if (
            previous is not None
            and previous.meter == measure.meter
            and nominal
            and previous.length < nominal
            and previous.length + measure.length == nominal
        ):
            moved = [(onset + previous.length, *rest) for onset, *rest in measure.notes]
            joined = [*previous.notes, *moved]
            out[-1] = Measure(
                notes=joined,  # type: ignore[arg-type]
                length=nominal,
                meter=measure.meter,
                tempi=previous.tempi + [(at + previous.length, bpm) for at, bpm in measure.tempi],
                chord=previous.chord or measure.chord,
            )
        elif nominal and measure.length >= 2 * nominal:
            out += _cut(measure, nominal)
        else:
            out.append(measure)
        if len(out) > MAX_BARS:
            raise MusicError(f"the tune has more than {MAX_BARS} bars with its repeats written out; fewer are allowed")
    return out


def _nominal(measure: Measure) -> int:
    return WHOLE * measure.meter[0] // measure.meter[1] if measure.meter else 0


def _cut(measure: Measure, nominal: int) -> list[Measure]:
    pieces = []
    for start in range(0, measure.length, nominal):
        notes = [(n[0] - start, *n[1:]) for n in measure.notes if start <= n[0] < start + nominal]
        length = min(nominal, measure.length - start)
        tempi = [(at - start, bpm) for at, bpm in measure.tempi if start <= at < start + nominal]
        pieces.append(Measure(notes=notes, length=length, meter=measure.meter, tempi=tempi))
    pieces[0].chord = measure.chord
    return pieces


def _placed(
    measures: list[Measure], meter: tuple[int, int]
) -> tuple[list[list[int]], list[tuple[int, int, int, int]], list[float], tuple[str, ...]]:
    """Measures on the grid: notes with accents, ties joined; bars; tempi; chords (empty where no symbol stands)."""
    notes: list[list[int]] = []
    bars: list[tuple[int, int, int, int]] = []
    tempi: list[float] = []
    chords: list[str] = []
    open_ties: dict[tuple[int, int], list[int]] = {}
    start, bpm = 0, 0.0
    for measure in measures:
        meter = measure.meter or meter
        length = max(1, round(measure.length / UNITS_PER_TICK))
        full = 96 * meter[0] // meter[1]
        offset = max(0, full - length) if not bars else 0  # a pickup is the end of a bar
        for onset, duration, pitch, tied in sorted(measure.notes):
            at = min(round(onset / UNITS_PER_TICK), length - 1)
            end = max(at + 1, round((onset + duration) / UNITS_PER_TICK))
            note = open_ties.pop((start + at, pitch), None)
            if note is None:
                note = [start + at, end - at, pitch, accent(offset + at, *meter)]
                notes.append(note)
            else:
                note[1] = start + end - note[0]
            if tied:
                open_ties[start + end, pitch] = note
        bars.append((start, length, *meter))
        mean, bpm = _mean_tempo(measure, bpm)
        tempi.append(mean)
        chords.append(measure.chord or (chords[-1] if chords else "N"))
        start += length
    return notes, bars, tempi, tuple(chords) if set(chords) != {"N"} else ()


def _mean_tempo(measure: Measure, bpm: float) -> tuple[float, float]:
    """The tempo at which a measure lasts as long as with its changes, from ``bpm`` on; and the tempo behind it."""
    minutes, since = 0.0, 0
    for at, then in sorted(measure.tempi, key=lambda change: change[0]):
        if at:
            minutes += (at - since) / bpm
        since, bpm = at, then
    minutes += max(0, measure.length - since) / bpm
    return max(1, measure.length) / minutes if minutes else bpm, bpm


def joined(voices: Sequence[Voice], order: str, tempo_bpm: float) -> list[Measure]:
    """All voices in the order in which they sound, in the measures of the first; ``tempo_bpm`` where it says nothing.

    Voices that are written equally long share the first one's repeats; others play their own. A later voice that is
    longer goes on in its own measures.
    """
    first, *others = [[m for m in voice if m.length] for voice in voices] or [[]]
    if all(_length(voice) == _length(first) for voice in others):
        for voice in others:
            _add(first, voice)
        _say_tempi(first, tempo_bpm)
        return written_out(first, order)
    _say_tempi(first, tempo_bpm)
    played = [  # what is repeated is there twice, and each changes by itself
        [replace(each, notes=list(each.notes), tempi=list(each.tempi)) for each in written_out(voice, order)]
        for voice in (first, *others)
    ]
    for voice in played[1:]:
        _add(played[0], voice)
    return played[0]


def _length(voice: Voice) -> int:
    return sum(measure.length for measure in voice)


def _say_tempi(measures: Voice, bpm: float) -> None:
    """Let each measure say its tempo, so that what is repeated has that of the place where it is written."""
    for measure in measures:
        measure.tempi.sort(key=lambda change: change[0])
        if not measure.tempi or measure.tempi[0][0]:
            measure.tempi.insert(0, (0, bpm))
        bpm = measure.tempi[-1][1]


def _add(first: list[Measure], other: Voice) -> None:
    """Put the notes, chords and tempi of a voice into the measures of the first, and into new ones behind them."""
    ends = list(accumulate(measure.length for measure in other))
    last = _length(first)
    for end, measure in zip(ends, other, strict=True):
        if end > last:
            first.append(Measure(length=end - last, meter=measure.meter))
            last = end
    starts = [0, *accumulate(measure.length for measure in first)][:-1]
    for at, measure in zip([0, *ends], other, strict=False):
        for onset, duration, pitch, tied in measure.notes:
            place = bisect_right(starts, at + onset) - 1
            first[place].notes.append((at + onset - starts[place], duration, pitch, tied))
        for onset, bpm in measure.tempi:
            place = bisect_right(starts, at + onset) - 1
            first[place].tempi.append((at + onset - starts[place], bpm))
        place = bisect_right(starts, at) - 1
        first[place].chord = first[place].chord or measure.chord
