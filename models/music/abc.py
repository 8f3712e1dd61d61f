"""Tunes in ABC notation as pieces: several tunes a file, all titles, repeats written out, graces as notes.

Our own reader: symusic's (abc2midi inside) exposes one title, ends the process on some files, and loses the bars.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .abc_fields import UNITS_PER_TICK, WHOLE, tempo_bpm
from .abc_measures import MAX_FIELD, Body
from .abc_repeats import MAX_BARS, Measure, written_out
from .dance_types import accent, clean_genre, clean_title, default_tempo_bpm
from .notes import MAX_NOTES, MusicError, Piece

MAX_BYTES = 4 * 1024 * 1024
MAX_TUNES = 10_000
MAX_TITLES = 32
FIELD = re.compile(r"^([A-Za-z]):\s*(.*)$")
LATIN = "latin-1"


@dataclass
class Tune:
    """The text of one tune: its number, its header fields (the last of each; all titles) and its body."""

    number: str
    titles: list[str] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    body: list[str] = field(default_factory=list)


def decoded(data: Path | bytes | str) -> str:
    """The text of an ABC file, UTF-8 or Latin-1; raises ``MusicError`` beyond 4 MB or where it is not text."""
    size = data.stat().st_size if isinstance(data, Path) else len(data)
    if size > MAX_BYTES:
        raise MusicError(f"the file has {size} bytes; at most {MAX_BYTES} are allowed")
    if isinstance(data, Path):
        data = data.read_bytes()
    if isinstance(data, str):
        text = data
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode(LATIN)
    if "\x00" in text:
        raise MusicError("the file is not ABC: it holds binary data; text with an X: and a K: line is needed")
    return text


def split_tunes(text: str) -> list[Tune]:
    """The tunes of a file; fields before the first ``X:`` hold for all. Raises ``MusicError`` beyond ``MAX_TUNES``."""
    tunes: list[Tune] = []
    shared: dict[str, str] = {}
    tune: Tune | None = None
    in_body = ended = False
    for line in text.splitlines():
        match = FIELD.match(line)
        if match and match[1] == "X":
            if len(tunes) >= MAX_TUNES:
                raise MusicError(f"the file has more than {MAX_TUNES} tunes; at most that many are allowed")
            tune = Tune(number=re.sub(r"\D.*", "", match[2]) or "0", fields=dict(shared))
            tunes.append(tune)
            in_body = ended = False
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
        elif not line.strip():
            ended = any(part.strip() and not FIELD.match(part) for part in tune.body)
        elif not ended:
            tune.body.append(line)
    return tunes


def _header(tune: Tune, match: re.Match[str]) -> bool:
    """Take one header field; True for ``K:``, which ends the header."""
    letter, value = match[1], re.sub(r"(?<!\\)%.*", "", match[2]).strip()
    value = value[:MAX_FIELD]
    if letter == "T":
        if len(tune.titles) < MAX_TITLES:
            tune.titles.append(value)
    elif value or letter == "K":
        tune.fields[letter] = value
    return letter == "K"


def titles_of(tune: Tune) -> tuple[str, ...]:
    """Its different titles, clean of type and number."""
    return tuple(dict.fromkeys(title for title in map(clean_title, tune.titles) if title))


def tune_piece(tune: Tune, piece_id: str = "", source: str = "") -> Piece:
    """One tune as a piece; raises ``MusicError`` where it has no notes or cannot be read."""
    body = Body(tune.fields)
    body.read(tune.body)
    measures = _full_bars(written_out(body.measures, tune.fields.get("P", "")))
    if not any(measure.notes for measure in measures):
        lacks = "no notes; at least one is needed" if "K" in tune.fields else "no K: line, after which notes begin"
        raise MusicError(f"tune X:{tune.number} has {lacks}")
    if sum(len(measure.notes) for measure in measures) > MAX_NOTES:
        raise MusicError(
            f"tune X:{tune.number} has more than {MAX_NOTES} notes with its repeats; that many are allowed"
        )
    genre = clean_genre(tune.fields.get("R", ""))
    titles = titles_of(tune)
    first_meter = next((m.meter for m in measures if m.meter), (4, 4))
    bpm = tempo_bpm(tune.fields.get("Q", ""))
    if bpm is None:
        bpm = default_tempo_bpm(genre, first_meter, f"{tune.number} {titles[0] if titles else piece_id}")
    notes, bars, tempi, chords = _placed(measures, first_meter, bpm)
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


def exact_onsets(tune: Tune) -> tuple[npt.NDArray[np.float64], float]:
    """Onsets of the tune's notes in ticks before they are rounded, ``(notes,)``, and its tempo in quarters a minute."""
    piece = tune_piece(tune)
    body = Body(tune.fields)
    body.read(tune.body)
    measures = _full_bars(written_out(body.measures, tune.fields.get("P", "")))
    onsets = [
        start + onset / UNITS_PER_TICK
        for start, measure in zip(piece.bars[:, 0].tolist(), measures, strict=True)
        for onset, *_ in measure.notes
    ]
    return np.array(onsets), float(piece.tempo_bpm[0])


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
                tempo_bpm=previous.tempo_bpm or measure.tempo_bpm,
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
        pieces.append(Measure(notes=notes, length=length, meter=measure.meter))
    pieces[0].tempo_bpm, pieces[0].chord = measure.tempo_bpm, measure.chord
    return pieces


def _placed(
    measures: list[Measure], meter: tuple[int, int], bpm: float
) -> tuple[list[list[int]], list[tuple[int, int, int, int]], list[float], tuple[str, ...]]:
    """Measures on the grid: notes with accents, ties joined; bars; tempi; chords (empty where no symbol stands)."""
    notes: list[list[int]] = []
    bars: list[tuple[int, int, int, int]] = []
    tempi: list[float] = []
    chords: list[str] = []
    open_ties: dict[tuple[int, int], list[int]] = {}
    start = 0
    for measure in measures:
        meter = measure.meter or meter
        bpm = measure.tempo_bpm or bpm
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
        tempi.append(bpm)
        chords.append(measure.chord or (chords[-1] if chords else "N"))
        start += length
    return notes, bars, tempi, tuple(chords) if set(chords) != {"N"} else ()
