"""One in-memory form of a piece: notes and bars on a grid of 24 ticks a quarter, and its two voices.

Every reader produces it, every model and renderer takes it; what is on the grid survives unchanged. The melody is what
sounds highest; everything else accompanies it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float32]

TICKS_PER_QUARTER = 24
MAX_NOTES = 200_000
Domain = Literal["pop", "dance", "chorale"]
DOMAINS: tuple[Domain, ...] = get_args(Domain)


class MusicError(ValueError):
    """A file or a piece that cannot be used; the message says what was given and what is allowed."""


@dataclass(frozen=True)
class Piece:
    """A piece of music, repeats written out, pickup bars kept as short first bars.

    ``notes``: int32 ``(notes, 4)``: onset_tick, duration_ticks, pitch (MIDI 0-127), velocity (1-127), sorted by
    onset then pitch. ``bars``: int32 ``(bars, 4)``: start_tick, length_ticks, meter numerator, meter denominator;
    contiguous from tick 0. ``tempo_bpm``: float32 ``(bars,)``, quarters a minute. ``chords``: one symbol a bar
    ("C:maj", "A:min", "N" where there is none), or empty where nobody has estimated them.
    Raises ``MusicError`` where the arrays contradict each other.
    """

    notes: IntArray
    bars: IntArray
    tempo_bpm: FloatArray
    chords: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    genre: str | None = None
    source: str = ""
    piece_id: str = ""
    terms: str = ""
    domain: Domain | None = None
    performed: bool = False  # played by a person and quantised on reading, not written on the grid
    extra: Mapping[str, str] = field(default_factory=dict)  # corpus labels, such as EMOPIA's quadrant

    def __post_init__(self) -> None:
        notes = np.ascontiguousarray(self.notes, dtype=np.int32).reshape(-1, 4)
        bars = np.ascontiguousarray(self.bars, dtype=np.int32).reshape(-1, 4)
        tempo = np.ascontiguousarray(self.tempo_bpm, dtype=np.float32).reshape(-1)
        if len(notes) > MAX_NOTES:
            raise MusicError(f"the piece has {len(notes)} notes; at most {MAX_NOTES} are allowed")
        if len(bars) == 0 or len(bars) != len(tempo):
            raise MusicError(f"the piece has {len(bars)} bars and {len(tempo)} tempi; one tempo a bar is needed")
        if self.chords and len(self.chords) != len(bars):
            raise MusicError(f"the piece has {len(self.chords)} chords for {len(bars)} bars; one a bar or none")
        if bars[0, 0] != 0 or (bars[:, 1] <= 0).any() or (bars[:-1, 0] + bars[:-1, 1] != bars[1:, 0]).any():
            raise MusicError("bars must be contiguous from tick 0 with positive lengths")
        if not np.isfinite(tempo).all() or (tempo <= 0).any():
            raise MusicError("tempi must be positive, finite quarters a minute")
        if len(notes):
            onset, duration, pitch, velocity = notes.T
            if onset.min() < 0 or duration.min() < 1 or onset.max() >= bars[-1, 0] + bars[-1, 1]:
                raise MusicError("notes must start inside the bars and last at least one tick")
            if pitch.min() < 0 or pitch.max() > 127 or velocity.min() < 1 or velocity.max() > 127:
                raise MusicError("pitches must lie in 0-127 and velocities in 1-127")
            notes = notes[np.lexsort((velocity, duration, pitch, onset))]
        object.__setattr__(self, "notes", notes)
        object.__setattr__(self, "bars", bars)
        object.__setattr__(self, "tempo_bpm", tempo)

    @property
    def end_tick(self) -> int:
        """End of the last bar, in ticks."""
        return int(self.bars[-1, 0] + self.bars[-1, 1])

    @property
    def has_pickup(self) -> bool:
        """Whether the first bar is shorter than its meter."""
        _, length, numerator, denominator = self.bars[0].tolist()
        return bool(length * denominator < 4 * TICKS_PER_QUARTER * numerator)

    def window(self, first_bar: int, bars: int) -> Piece:
        """The ``bars`` bars from ``first_bar`` on, moved to tick 0; notes belong to the bar in which they start."""
        rows = self.bars[first_bar : first_bar + bars].copy()
        if len(rows) == 0:
            raise MusicError(f"bar {first_bar} was asked for; the piece has {len(self.bars)} bars")
        start, end = int(rows[0, 0]), int(rows[-1, 0] + rows[-1, 1])
        notes = self.notes[(self.notes[:, 0] >= start) & (self.notes[:, 0] < end)].copy()
        notes[:, 0] -= start
        rows[:, 0] -= start
        return replace(
            self,
            notes=notes,
            bars=rows,
            tempo_bpm=self.tempo_bpm[first_bar : first_bar + bars],
            chords=self.chords[first_bar : first_bar + bars],
        )

    def followed_by(self, other: Piece) -> Piece:
        """This piece and ``other`` behind it; titles and whatever else is told are this one's."""
        notes, bars = other.notes.copy(), other.bars.copy()
        notes[:, 0] += self.end_tick
        bars[:, 0] += self.end_tick
        return replace(
            self,
            notes=np.concatenate([self.notes, notes]),
            bars=np.concatenate([self.bars, bars]),
            tempo_bpm=np.concatenate([self.tempo_bpm, other.tempo_bpm]),
            chords=(*self.chords, *other.chords) if self.chords and other.chords else (),
        )

    def transposed(self, semitones: int) -> Piece:
        """The piece ``semitones`` higher; raises ``MusicError`` where a pitch would leave 0-127."""
        notes = self.notes.copy()
        notes[:, 2] += semitones
        return replace(self, notes=notes, chords=())

    def seconds_at(self, ticks: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Time in seconds of ``ticks`` (any shape), by the tempo of each bar; the last tempo goes on past the end."""
        per_tick = 60.0 / (self.tempo_bpm.astype(np.float64) * TICKS_PER_QUARTER)
        starts = np.concatenate([[0.0], np.cumsum(self.bars[:, 1] * per_tick)])
        where = np.asarray(ticks, dtype=np.float64)
        bar = np.clip(np.searchsorted(self.bars[:, 0], where, side="right") - 1, 0, len(self.bars) - 1)
        seconds: npt.NDArray[np.float64] = starts[bar] + (where - self.bars[bar, 0]) * per_tick[bar]
        return seconds

    def to_json(self) -> dict[str, Any]:
        """Plain lists and strings, the form that is stored and sent; ``from_json`` gives the same piece back."""
        return {
            "ticks_per_quarter": TICKS_PER_QUARTER,
            "notes": self.notes.tolist(),
            "bars": self.bars.tolist(),
            "tempo_bpm": [round(float(x), 4) for x in self.tempo_bpm],
            "chords": list(self.chords),
            "titles": list(self.titles),
            "genre": self.genre,
            "source": self.source,
            "piece_id": self.piece_id,
            "terms": self.terms,
            "domain": self.domain,
            "performed": self.performed,
            "extra": dict(self.extra),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Piece:
        """Read what ``to_json`` wrote; raises ``MusicError`` on anything else."""
        if data.get("ticks_per_quarter") != TICKS_PER_QUARTER:
            raise MusicError(f"ticks_per_quarter is {data.get('ticks_per_quarter')!r}; it must be {TICKS_PER_QUARTER}")
        try:
            return cls(
                notes=np.array(data["notes"], dtype=np.int32).reshape(-1, 4),
                bars=np.array(data["bars"], dtype=np.int32).reshape(-1, 4),
                tempo_bpm=np.array(data["tempo_bpm"], dtype=np.float32),
                chords=tuple(data.get("chords") or ()),
                titles=tuple(data.get("titles") or ()),
                genre=data.get("genre"),
                source=data.get("source", ""),
                piece_id=data.get("piece_id", ""),
                terms=data.get("terms", ""),
                domain=data.get("domain"),
                performed=bool(data.get("performed", False)),
                extra=dict(data.get("extra") or {}),
            )
        except MusicError:
            raise
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise MusicError(f"not a piece: {error}") from error


def in_melody(piece: Piece) -> npt.NDArray[np.bool_]:
    """Which notes are the highest sounding where they begin, ``(notes,)``."""
    line = dict(skyline(piece).tolist())
    return np.array([line[onset] == pitch for onset, pitch in piece.notes[:, [0, 2]].tolist()], dtype=bool)


def skyline(piece: Piece) -> npt.NDArray[np.int64]:
    """The highest sounding note at each onset: ``(onsets, 2)`` onset tick and pitch, in time order."""
    if len(piece.notes) == 0:
        return np.zeros((0, 2), dtype=np.int64)
    onset, duration, pitch = piece.notes[:, :3].T.astype(np.int64)
    times = np.unique(onset)
    line = np.empty((len(times), 2), dtype=np.int64)
    sounding: list[tuple[int, int]] = []
    at = 0
    for index, time in enumerate(times):
        sounding = [(end, p) for end, p in sounding if end > time]
        while at < len(onset) and onset[at] == time:
            sounding.append((int(onset[at] + duration[at]), int(pitch[at])))
            at += 1
        line[index] = time, max(p for _, p in sounding)
    return line
