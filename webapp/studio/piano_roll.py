"""Notes as a player shows them: in seconds of the sound, with the second at which each bar begins."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.composing.sources import Source

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


def sounding_notes(source: Source) -> SoundingNotes:
    """The whole piece in the time of ``models.music.render.render``."""
    from models.music.render import notes_in_seconds, sounding_seconds  # noqa: PLC0415 (scipy)

    piece, performance = source.piece, source.performance
    seconds = round(sounding_seconds(piece, performance), 3)
    return SoundingNotes(seconds, notes_in_seconds(piece, None, performance))


def piano_roll(source: Source) -> PianoRoll:
    """The same with bars."""
    from models.music.render import bars_in_seconds  # noqa: PLC0415 (scipy)

    sounding = sounding_notes(source)
    return PianoRoll(sounding.seconds, sounding.notes, bars_in_seconds(source.piece, source.performance))
