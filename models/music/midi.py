"""MIDI files as pieces and pieces as MIDI files; what lies on the grid survives a round trip unchanged.

Bars and their tempi follow the meter map and the tempo map. A bar that is shorter or longer than its meter, as a pickup
is, has no place in MIDI: ``write_midi`` puts a marker at every bar, and ``read_midi`` believes those before the time
signatures.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .midi_file import MidiFile, dump, parse
from .notes import TICKS_PER_QUARTER, FloatArray, IntArray, MusicError, Piece, in_melody
from .performance import Performance

LongArray = npt.NDArray[np.int64]

SIXTEENTH = TICKS_PER_QUARTER // 4
WRITTEN_TPQ = 480
SCALE = WRITTEN_TPQ // TICKS_PER_QUARTER
VOICES = ("Melody", "Accompaniment")

MAX_BARS = 20_000
BAR_TEXT = re.compile(r"bar (\d{1,6}) of (\d{1,3})/(\d{1,3})$")
SLOWEST_BPM, FASTEST_BPM = 5.0, 1_000.0


def read_midi(data: bytes | Path, *, piece_id: str = "", source: str = "", performed: bool = False) -> Piece:
    """A MIDI file as one piano piece.

    Drums are dropped, all other instruments merged, notes of one onset and pitch merged into one, and a note ends
    where its pitch sounds again. A held sustain pedal lengthens its channel's notes to its release, by four quarters at
    most, because that is what sounds and a piece has no pedal. What was wrong and read all the same is said in
    ``extra["remarks"]``. ``performed`` takes 4/4 from tick 0 as Pop1K7's beat tracker wrote
    it, whatever the time signatures say, skips silent bars at the start, and quantises to sixteenths.
    Raises ``MusicError`` for what is no MIDI file, is broken, has no notes, or is larger than 4 MB or 200,000 notes.
    """
    midi = parse(data)
    raw = sounding(midi)
    if len(raw) == 0:
        why = f": {midi.remarks[-1]}" if midi.remarks else "; at least one is needed"
        raise MusicError(f"the MIDI file has no notes (drums are not counted){why}")
    notes = on_grid(raw, midi.tpq, SIXTEENTH if performed else 1)
    end = int(notes[:, 0].max()) + 1
    tempo_map = seconds_per_tick(np.array(midi.tempi, dtype=np.int64).reshape(-1, 2), midi.tpq)
    if performed:
        skip = int(notes[:, 0].min()) // 96 * 96
        notes[:, 0] -= skip
        bars = np.array([(start, 96, 4, 4) for start in range(0, end - skip, 96)], dtype=np.int32)
        tempo = tempo_of_bars(bars, skip, tempo_map, midi.tpq)
        if len(tempo) > 1 and abs(float(np.log(tempo[0] / tempo[1]))) > 0.2:
            tempo[0] = tempo[1]  # the beat tracker's guess before the first note
    else:
        marked = bars_from_text(midi.texts, midi.tpq, end)
        bars = bars_from_meters(midi.meters, midi.tpq, end) if marked is None else marked
        tempo = tempo_of_bars(bars, 0, tempo_map, midi.tpq)
    return Piece(
        notes=notes,
        bars=bars,
        tempo_bpm=tempo,
        chords=() if performed else _chords(midi, bars),
        source=source,
        piece_id=piece_id,
        performed=performed,
        extra={"remarks": "; ".join(midi.remarks)} if midi.remarks else {},
    )


def sounding(midi: MidiFile) -> LongArray:
    """Notes as they sound, lengthened by the pedal: int64 ``(notes, 4)`` onset, duration, pitch, velocity."""
    rows = np.array(midi.notes, dtype=np.int64).reshape(-1, 5)
    for channel in sorted({part & 0x0F for part, _, _ in midi.pedals}):
        changes = [(time, down) for part, time, down in midi.pedals if part & 0x0F == channel]
        changes.sort(key=lambda change: change[0])
        spans: list[tuple[int, int]] = []
        pressed: int | None = None
        for time, down in changes:
            if down and pressed is None:
                pressed = time
            elif not down and pressed is not None:
                spans.append((pressed, time))
                pressed = None
        mine = np.flatnonzero(rows[:, 4] & 0x0F == channel)
        if spans and len(mine):
            pedal = np.array(spans, dtype=np.int64)
            end = rows[mine, 0] + rows[mine, 1]
            span = np.searchsorted(pedal[:, 0], end, side="right") - 1
            held = (span >= 0) & (pedal[span, 1] > end)
            longer = np.minimum(pedal[span, 1], end + 4 * midi.tpq)
            rows[mine, 1] = np.where(held, longer, end) - rows[mine, 0]
    return rows[:, :4]


def on_grid(raw: LongArray, tpq: int, step: int) -> IntArray:
    """File notes on the grid: int32 ``(notes, 4)``; onsets on multiples of ``step`` ticks.

    Releases lie on multiples of half a step (at least a tick); doubled notes are merged and overlapping ones cut.
    """
    fine = max(1, step // 2)
    onset = _rounded(raw[:, 0] * TICKS_PER_QUARTER, tpq * step) * step
    end = _rounded((raw[:, 0] + raw[:, 1]) * TICKS_PER_QUARTER, tpq * fine) * fine
    notes = np.stack([onset, np.maximum(end - onset, fine), raw[:, 2], raw[:, 3]], axis=1)
    return without_overlaps(notes.astype(np.int32))


def _rounded(numerator: LongArray, denominator: int) -> LongArray:
    rounded: LongArray = (2 * numerator + denominator) // (2 * denominator)
    return rounded


def without_overlaps(notes: IntArray) -> IntArray:
    """Notes of one onset and pitch merged (the longest and loudest wins); each ends where its pitch begins again."""
    if len(notes) == 0:
        return notes
    notes = notes[np.lexsort((notes[:, 0], notes[:, 2]))]
    first = np.ones(len(notes), dtype=bool)
    first[1:] = (notes[1:, 0] != notes[:-1, 0]) | (notes[1:, 2] != notes[:-1, 2])
    starts = np.flatnonzero(first)
    merged = notes[starts]
    merged[:, 1] = np.maximum.reduceat(notes[:, 1], starts)
    merged[:, 3] = np.maximum.reduceat(notes[:, 3], starts)
    same = merged[1:, 2] == merged[:-1, 2]
    gap = merged[1:, 0] - merged[:-1, 0]
    merged[:-1, 1] = np.where(same, np.minimum(merged[:-1, 1], gap), merged[:-1, 1])
    return merged[np.lexsort((merged[:, 2], merged[:, 0]))]


def _chords(midi: MidiFile, bars: IntArray) -> tuple[str, ...]:
    """The chords that ``write_midi`` left as markers, one a bar; empty where a bar has none."""
    found = {
        time * TICKS_PER_QUARTER // midi.tpq: text.removeprefix("chord ")
        for time, text in midi.texts
        if text.startswith("chord ")
    }
    chords = tuple(found.get(int(start), "") for start in bars[:, 0])
    return chords if all(chords) else ()


def write_midi(piece: Piece, performance: Performance | None = None, *, voices: bool = False) -> bytes:
    """The piece as a MIDI file, one piano track, 480 ticks a quarter; ``read_midi`` gives notes, bars and chords back.

    With ``voices`` melody and accompaniment have a track each. Tempi come back to the microsecond a quarter.
    Overlapping notes of one pitch are cut, since MIDI cannot tell their ends apart. With a ``performance`` notes stand
    where they were played, beats where the player's tempo puts them, and the pedal is there (controller 64).
    """
    midi = MidiFile(tpq=WRITTEN_TPQ)
    if performance is None:
        piece = replace(piece, notes=without_overlaps(piece.notes))
        rows = piece.notes.astype(np.int64) * (SCALE, SCALE, 1, 1)
        tempo_bpm = piece.tempo_bpm
    else:
        rows, midi.pedals = _played(piece, performance), _pedals(piece, performance)
        tempo_bpm = (piece.bars[:, 1] / TICKS_PER_QUARTER * 60.0 / np.diff(performance.bars_s)).astype(np.float32)
    accompanies = ~in_melody(piece) if voices else np.zeros(len(rows), dtype=bool)
    for (onset, duration, pitch, velocity), part in zip(rows.tolist(), accompanies.tolist(), strict=True):
        midi.notes.append((onset, duration, pitch, velocity, int(part)))
    meter, mspq = None, None
    for index, (start, length, numerator, denominator) in enumerate(piece.bars.tolist()):
        at = start * SCALE
        if meter != (numerator, denominator):
            meter = (numerator, denominator)
            midi.meters.append((at, numerator, denominator))
        if mspq != (mspq := min(0xFFFFFF, max(1, round(60e6 / float(tempo_bpm[index]))))):
            midi.tempi.append((at, mspq))
        midi.texts.append((at, f"bar {length} of {numerator}/{denominator}"))
        if piece.chords:
            midi.texts.append((at, f"chord {piece.chords[index]}"))
    return dump(midi, piece.titles[0] if piece.titles else "", VOICES if voices else ("",))


def _played(piece: Piece, performance: Performance) -> LongArray:
    """Notes in the file's ticks at the player's tempo, in the piece's order; none before tick 0."""
    onset = _ticks(piece, performance, performance.onset_s)
    end = _ticks(piece, performance, performance.onset_s + performance.held_s)
    return np.stack([onset, np.maximum(end - onset, 1), piece.notes[:, 2], performance.velocity], axis=1)


def _pedals(piece: Piece, performance: Performance) -> list[tuple[int, int, bool]]:
    ticks = _ticks(piece, performance, performance.pedal_s)
    return [(0, int(time), place == 0) for press in ticks for place, time in enumerate(press)]


def _ticks(piece: Piece, performance: Performance, seconds: npt.NDArray[np.float64]) -> LongArray:
    """The nearest tick of the file to each second; the last bar's tempo goes on."""
    bars_s = performance.bars_s
    bar = np.clip(np.searchsorted(bars_s, seconds, side="right") - 1, 0, len(piece.bars) - 1)
    share = (seconds - bars_s[bar]) / np.diff(bars_s)[bar]
    ticks = (piece.bars[bar, 0] + share * piece.bars[bar, 1]) * SCALE
    rounded: LongArray = np.maximum(0, np.rint(ticks)).astype(np.int64)
    return rounded


def bars_from_meters(meters: list[tuple[int, int, int]], tpq: int, end: int) -> IntArray:
    """Bars up to the one in which tick ``end`` - 1 lies: int32 ``(bars, 4)``; 4/4 where no meter is given.

    A meter that changes within a bar ends that bar early, as a pickup bar written with its own meter does.
    """
    changes: dict[int, tuple[int, int]] = {}
    for time, numerator, denominator in sorted(meters):
        if not 1 <= numerator <= 64 or denominator not in {1, 2, 4, 8, 16, 32, 64}:
            raise MusicError(
                f"the meter {numerator}/{denominator} is not allowed; 1-64 over a power of two up to 64 is"
            )
        changes[time * TICKS_PER_QUARTER // tpq] = (numerator, denominator)
    changes.setdefault(0, (4, 4))
    rows: list[tuple[int, int, int, int]] = []
    starts = sorted(changes)
    for start, stop in pairwise([*starts, max(end, starts[-1] + 1)]):
        numerator, denominator = changes[start]
        length = max(1, round(4 * TICKS_PER_QUARTER * numerator / denominator))
        if (min(stop, end) - start) / length + len(rows) > MAX_BARS:
            raise MusicError(f"the MIDI file has more than {MAX_BARS} bars; fewer are allowed")
        at = start
        while at < stop and at < end:
            size = length if start == starts[-1] else min(length, stop - at)
            rows.append((at, size, numerator, denominator))
            at += size
    return np.array(rows, dtype=np.int32)


def bars_from_text(text: list[tuple[int, str]], tpq: int, end: int) -> IntArray | None:
    """The bars that ``write_midi`` wrote as markers; None where they do not lead from tick 0 to ``end``."""
    rows: list[tuple[int, int, int, int]] = []
    for time, marker in text:
        if match := BAR_TEXT.match(marker):
            at = time * TICKS_PER_QUARTER // tpq
            length, numerator, denominator = (int(group) for group in match.groups())
            expected = rows[-1][0] + rows[-1][1] if rows else 0
            if at != expected or not length or not numerator or not denominator or len(rows) == MAX_BARS:
                return None
            rows.append((at, length, numerator, denominator))
    return np.array(rows, dtype=np.int32) if rows and rows[-1][0] + rows[-1][1] >= end else None


def seconds_per_tick(tempi: npt.NDArray[np.int64], tpq: int) -> npt.NDArray[np.float64]:
    """The tempo map as ``(changes, 3)``: tick in the file, seconds at it, seconds a tick from there on."""
    if len(tempi) == 0 or tempi[:, 0].min() > 0:
        tempi = np.concatenate([[[0, 500_000]], tempi.reshape(-1, 2)])
    tempi = tempi[np.argsort(tempi[:, 0], kind="stable")]
    last = np.ones(len(tempi), dtype=bool)
    last[:-1] = tempi[1:, 0] != tempi[:-1, 0]
    tempi = tempi[last]
    per_tick = np.clip(tempi[:, 1] / 1e6, 60 / FASTEST_BPM, 60 / SLOWEST_BPM) / tpq
    seconds = np.concatenate([[0.0], np.cumsum(np.diff(tempi[:, 0]) * per_tick[:-1])])
    return np.stack([tempi[:, 0].astype(np.float64), seconds, per_tick], axis=1)


def tempo_of_bars(bars: IntArray, skip: int, tempo_map: npt.NDArray[np.float64], tpq: int) -> FloatArray:
    """Mean tempo of each bar in quarters a minute, so that every bar lasts as long as in the file: ``(bars,)``.

    ``skip`` ticks were cut off before the first bar.
    """
    edges = np.append(bars[:, 0], bars[-1, 0] + bars[-1, 1]).astype(np.float64) + skip
    ticks = edges * tpq / TICKS_PER_QUARTER
    row = np.clip(np.searchsorted(tempo_map[:, 0], ticks, side="right") - 1, 0, None)
    seconds = tempo_map[row, 1] + (ticks - tempo_map[row, 0]) * tempo_map[row, 2]
    bpm = bars[:, 1] / TICKS_PER_QUARTER * 60.0 / np.maximum(np.diff(seconds), 1e-9)
    tempo: FloatArray = np.clip(bpm, SLOWEST_BPM, FASTEST_BPM).astype(np.float32)
    return tempo
