"""Bach's chorales from music21's scores: four voices, bars and pickups as written, repeats written out.

Fermatas are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .dance_types import accent, unit_hash
from .midi import without_overlaps
from .notes import TICKS_PER_QUARTER, IntArray, MusicError, Piece

SLOWEST_BPM, FASTEST_BPM = 72.0, 80.0
SOPRANO_LOUDER = 6


def chorale_tempo_bpm(name: str) -> float:
    """Quarters a minute of a chorale by its name: 72 to 80."""
    return SLOWEST_BPM + (FASTEST_BPM - SLOWEST_BPM) * unit_hash(name)


def chorale_velocity(accent_of: npt.ArrayLike, *, soprano: npt.ArrayLike) -> IntArray:
    """About 70: a third of the accents that a dance tune gets, the soprano 6 louder."""
    return np.asarray(70 + (np.asarray(accent_of) - 70) // 3 + SOPRANO_LOUDER * np.asarray(soprano), dtype=np.int32)


def read_chorale(path: Path, source: str = "") -> Piece:
    """One score as a piece; tempo 72 to 80 by a hash of its name, since the scores give none.

    Velocities lie about 70: a third of the accents that a dance tune gets, the soprano 6 louder. Raises
    ``MusicError`` where music21 cannot read the score.
    """
    from music21 import converter  # noqa: PLC0415 (a quarter of a second that only this corpus needs)

    try:
        score: Any = converter.parse(path, forceSource=True, storePickle=False)
        if any(score.recurse().getElementsByClass("Repeat")):
            score = score.expandRepeats()
        parts = _voices([part for part in score.parts if len(part.recurse().notes)])
        bars = _bars(parts)
        notes = np.concatenate([_notes(part, bars, soprano=index == 0) for index, part in enumerate(parts)])
    except MusicError:
        raise
    except Exception as error:  # music21 raises whatever went wrong inside it
        raise MusicError(f"the score {path.name} cannot be read: {error}") from error
    name = path.stem
    bpm = chorale_tempo_bpm(name)
    title = score.metadata.title if score.metadata else None
    return Piece(
        notes=without_overlaps(notes),
        bars=bars,
        tempo_bpm=np.full(len(bars), bpm, dtype=np.float32),
        titles=(title,) if title and not title.lower().startswith("bwv") else (),
        genre="chorale",
        source=source,
        piece_id=name,
    )


@cache
def hymn_titles() -> Mapping[str, str]:
    """Number in the catalogue of Bach's works → the hymn, of the chorales that Riemenschneider or Kalmus printed."""
    from music21.corpus.chorales import ChoraleListRKBWV  # noqa: PLC0415 (a second that only a search needs)

    listed = ChoraleListRKBWV()  # type: ignore[no-untyped-call]
    return {number: str(each["title"]) for number, each in listed.byBWV.items()}


def _voices(parts: list[Any]) -> list[Any]:
    """Soprano, alto, tenor and bass where the score also has instruments, which double them; else all parts."""
    names = [str(part.partName or "").lower() for part in parts]
    voices = [
        next((part for part, name in zip(parts, names, strict=True) if name.startswith(voice)), None)
        for voice in ("sop", "alto", "ten", "bass")
    ]
    return parts if any(voice is None for voice in voices) else voices


def _ticks(quarters: Any) -> int:
    return round(float(quarters) * TICKS_PER_QUARTER)


def _bars(parts: list[Any]) -> IntArray:
    """Bars of the part that lasts longest, halves on both sides of a repeat sign joined: int32 ``(bars, 4)``."""
    if not parts:
        raise MusicError("the score has no parts with notes")
    part = max(parts, key=lambda p: float(p.duration.quarterLength))
    measures = list(part.getElementsByClass("Measure"))
    starts = [_ticks(m.offset) for m in measures]
    end = max(_ticks(p.duration.quarterLength) for p in parts)
    rows: list[tuple[int, int, int, int]] = []
    meter = (4, 4)
    for measure, start, stop in zip(measures, starts, [*starts[1:], end], strict=True):
        if measure.timeSignature is not None:
            meter = (int(measure.timeSignature.numerator), int(measure.timeSignature.denominator))
        full = 96 * meter[0] // meter[1]
        if len(rows) > 1 and rows[-1][1] < full and stop - rows[-1][0] <= full:
            rows[-1] = (rows[-1][0], stop - rows[-1][0], *meter)
        elif stop > start:
            rows.append((start, stop - start, *meter))
    return np.array(rows, dtype=np.int32)


def _notes(part: Any, bars: IntArray, *, soprano: bool) -> IntArray:
    rows = []
    flat = part.flatten()
    flat.stripTies(inPlace=True)  # a copy would take half of all the time
    for item in flat.notes:
        start, end = _ticks(item.offset), _ticks(item.offset + item.duration.quarterLength)
        if end <= start:  # a grace note
            continue
        bar = bars[np.searchsorted(bars[:, 0], start, side="right") - 1]
        full = 96 * int(bar[2]) // int(bar[3])
        late = max(0, full - int(bar[1])) if bar[0] == 0 else 0
        struck = accent(start - int(bar[0]) + late, int(bar[2]), int(bar[3]))
        velocity = int(chorale_velocity(struck, soprano=soprano))
        rows += [(start, end - start, int(p.midi), velocity) for p in item.pitches]
    return np.array(rows, dtype=np.int32).reshape(-1, 4)
