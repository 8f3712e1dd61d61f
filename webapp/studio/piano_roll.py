"""Notes as a player shows them: in seconds of the sound, with the second at which each bar begins."""

from __future__ import annotations

from dataclasses import dataclass

from models.music.notes import Piece

NoteInSeconds = tuple[float, float, int, int]  # start_s, duration_s, pitch, velocity


@dataclass(frozen=True)
class SoundingNotes:
    """How many ``seconds`` a piece sounds, and its notes ``(start_s, duration_s, pitch, velocity)`` in that time."""

    seconds: float
    notes: list[NoteInSeconds]


@dataclass(frozen=True)
class PianoRoll(SoundingNotes):
    """With the second at which each bar begins, and at last where the piece ends."""

    bars_s: list[float]


def sounding_notes(piece: Piece) -> SoundingNotes:
    """The whole piece in the time of ``models.music.render.render``."""
    from models.music.render import notes_in_seconds, sounding_seconds  # noqa: PLC0415 (scipy)

    return SoundingNotes(round(sounding_seconds(piece), 3), notes_in_seconds(piece))


def piano_roll(piece: Piece) -> PianoRoll:
    """The same with bars."""
    sounding = sounding_notes(piece)
    first = float(piece.seconds_at(piece.notes[:, 0]).min()) if len(piece.notes) else 0.0
    starts = piece.seconds_at([*piece.bars[:, 0], piece.end_tick]) - first
    return PianoRoll(sounding.seconds, sounding.notes, [round(float(start), 4) for start in starts])
