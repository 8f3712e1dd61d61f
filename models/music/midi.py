"""Standard MIDI files as pieces and pieces as standard MIDI files.

What lies on the grid survives a round trip unchanged. Bars follow the time signatures; a bar that is shorter or longer
than its meter is kept by a marker beside them. Parsing is symusic's.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import symusic

from .midi_bars import bars_from_meters, bars_from_text, seconds_per_tick, tempo_of_bars
from .notes import MAX_NOTES, TICKS_PER_QUARTER, IntArray, MusicError, Piece
from .quiet import quiet_stderr

MAX_BYTES = 4 * 1024 * 1024
MAX_TICKS = 4 * TICKS_PER_QUARTER * 10_000
SIXTEENTH = TICKS_PER_QUARTER // 4
WRITTEN_TPQ = 480
SCALE = WRITTEN_TPQ // TICKS_PER_QUARTER


def read_midi(data: bytes | Path, *, piece_id: str = "", source: str = "", performed: bool = False) -> Piece:
    """A MIDI file as one piano piece.

    Drums are dropped, all other instruments merged, notes of one onset and pitch merged into one, and a note ends
    where its pitch sounds again. A held sustain pedal lengthens notes to its release, by a bar of four at most,
    because that is what sounds and a piece has no pedal. ``performed`` takes 4/4 from tick 0 as the beat tracker of
    Pop1K7 wrote it, whatever the time signatures say, skips silent bars at the start, and quantises to sixteenths.
    Raises ``MusicError`` for what is no MIDI file or larger than 4 MB, 200,000 notes or 10,000 bars.
    """
    score = _parsed(data)
    tpq = int(score.tpq)
    raw = _sounding(score)
    if len(raw) == 0:
        raise MusicError("the MIDI file has no notes (drums are not counted); at least one is needed")
    if len(raw) > MAX_NOTES:
        raise MusicError(f"the MIDI file has {len(raw)} notes; at most {MAX_NOTES} are allowed")
    last = int((raw[:, 0] + raw[:, 1]).max() * TICKS_PER_QUARTER / tpq)
    if last > MAX_TICKS:
        raise MusicError(
            f"the MIDI file lasts {last // 96} bars of four quarters; at most {MAX_TICKS // 96} are allowed"
        )
    notes = on_grid(raw, tpq, SIXTEENTH if performed else 1)
    text = sorted((int(m.time), str(m.text)) for m in score.markers)
    tempi = np.array([[int(t.time), int(t.mspq)] for t in score.tempos], dtype=np.int64).reshape(-1, 2)
    end = int(notes[:, 0].max()) + 1
    if performed:
        skip = int(notes[:, 0].min()) // 96 * 96
        notes[:, 0] -= skip
        bars = np.array([(s, 96, 4, 4) for s in range(0, end - skip, 96)], dtype=np.int32)
    else:
        skip = 0
        meters = [(int(t.time), int(t.numerator), int(t.denominator)) for t in score.time_signatures]
        bars = bars_from_text(text, tpq) if text else None
        if bars is None or int(bars[-1, 0] + bars[-1, 1]) < end:
            bars = bars_from_meters(meters, tpq, end)
    tempo = tempo_of_bars(bars, skip, seconds_per_tick(tempi, tpq), tpq)
    if performed and len(tempo) > 1 and abs(float(np.log(tempo[0] / tempo[1]))) > 0.2:
        tempo[0] = tempo[1]  # the beat tracker's guess before the first note
    chords = _chords(text, bars, tpq)
    return Piece(notes, bars, tempo, chords=chords, source=source, piece_id=piece_id, performed=performed)


def _parsed(data: bytes | Path) -> symusic.ScoreTick:
    if isinstance(data, Path):
        size = data.stat().st_size
        if size > MAX_BYTES:
            raise MusicError(f"the file has {size} bytes; at most {MAX_BYTES} are allowed")
        data = data.read_bytes()
    if len(data) > MAX_BYTES:
        raise MusicError(f"the file has {len(data)} bytes; at most {MAX_BYTES} are allowed")
    if len(data) < 22 or data[:4] != b"MThd":
        raise MusicError("the file is not MIDI: it does not begin with an MThd header")
    division = int.from_bytes(data[12:14], "big")
    if not 1 <= division < 0x8000:
        raise MusicError("the MIDI file has no ticks a quarter (SMPTE time or zero); 1 to 32,767 are allowed")
    try:
        with quiet_stderr():
            return symusic.Score.from_midi(data)
    except Exception as error:  # noqa: BLE001 (symusic throws whatever its C++ threw)
        raise MusicError(f"the MIDI file is broken: {str(error)[:120]}") from error


def _sounding(score: symusic.ScoreTick) -> npt.NDArray[np.int64]:
    """Notes of all pitched tracks, pedalled: int64 ``(notes, 4)`` onset, duration, pitch, velocity in file ticks."""
    rows = [np.zeros((0, 4), dtype=np.int64)]
    for track in score.tracks:
        if track.is_drum or not len(track.notes):
            continue
        columns = track.notes.numpy()
        notes = np.stack([columns[k].astype(np.int64) for k in ("time", "duration", "pitch", "velocity")], axis=1)
        if len(track.pedals):
            pedals = track.pedals.numpy()
            down = pedals["time"].astype(np.int64)
            up = down + pedals["duration"].astype(np.int64)
            order = np.argsort(down, kind="stable")
            down, up = down[order], up[order]
            end = notes[:, 0] + notes[:, 1]
            at = np.searchsorted(down, end, side="right") - 1
            held = (at >= 0) & (up[at] > end)
            end[held] = np.minimum(up[at][held], end[held] + 4 * int(score.tpq))
            notes[:, 1] = end - notes[:, 0]
        rows.append(notes)
    notes = np.concatenate(rows)
    return notes[(notes[:, 3] > 0) & (notes[:, 0] >= 0) & (notes[:, 1] >= 0) & (notes[:, 2] >= 0) & (notes[:, 2] < 128)]


def on_grid(raw: npt.NDArray[np.int64], tpq: int, grid: int) -> IntArray:
    """File notes on the grid: int32 ``(notes, 4)``; ``grid`` is the step of onsets in ticks, 1 or 6.

    Releases are rounded to half of it (at least a tick); then doubled notes are merged and overlapping ones cut.
    """
    fine = max(1, grid // 2)
    onset = _rounded(raw[:, 0] * TICKS_PER_QUARTER, tpq * grid) * grid
    end = _rounded((raw[:, 0] + raw[:, 1]) * TICKS_PER_QUARTER, tpq * fine) * fine
    notes = np.stack([onset, np.maximum(end - onset, fine), raw[:, 2], np.clip(raw[:, 3], 1, 127)], axis=1)
    return without_overlaps(notes.astype(np.int32))


def _rounded(numerator: npt.NDArray[np.int64], denominator: int) -> npt.NDArray[np.int64]:
    rounded: npt.NDArray[np.int64] = (2 * numerator + denominator) // (2 * denominator)
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


def _chords(text: list[tuple[int, str]], bars: IntArray, tpq: int) -> tuple[str, ...]:
    """The chords that ``write_midi`` left as markers, one a bar; empty where a bar has none."""
    found = {t * TICKS_PER_QUARTER // tpq: s.removeprefix("chord ") for t, s in text if s.startswith("chord ")}
    chords = tuple(found.get(int(start), "") for start in bars[:, 0])
    return chords if all(chords) else ()


def write_midi(piece: Piece) -> bytes:
    """The piece as a MIDI file, one piano track, 480 ticks a quarter; ``read_midi`` gives notes, bars and chords back.

    Tempi come back to the microsecond a quarter. Overlapping notes of one pitch are cut, since MIDI cannot tell
    their ends apart.
    """
    score = symusic.Score(WRITTEN_TPQ)
    track = symusic.Track(name=(piece.titles[0] if piece.titles else "piano"), program=0, is_drum=False)
    notes = without_overlaps(piece.notes)
    columns = [np.ascontiguousarray(column) for column in (notes * [SCALE, SCALE, 1, 1]).astype(np.int32).T]
    track.notes = symusic.Note.from_numpy(
        columns[0], columns[1], columns[2].astype(np.int8), columns[3].astype(np.int8)
    )
    score.tracks.append(track)
    meter, tempo = None, None
    for index, (start, length, numerator, denominator) in enumerate(piece.bars.tolist()):
        at = start * SCALE
        if meter != (numerator, denominator):
            meter = (numerator, denominator)
            score.time_signatures.append(symusic.TimeSignature(at, numerator, denominator))
        mspq = round(60e6 / float(piece.tempo_bpm[index]))
        if tempo != mspq:
            tempo = mspq
            score.tempos.append(symusic.Tempo(at, mspq=mspq))
        score.markers.append(symusic.TextMeta(at, f"bar {length} of {numerator}/{denominator}"))
        if piece.chords:
            score.markers.append(symusic.TextMeta(at, f"chord {piece.chords[index]}"))
    data: bytes = score.dumps_midi()
    return data
