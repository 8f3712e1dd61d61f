"""Notes as a player shows them: in seconds of the sound, with the second at which each bar begins."""

from __future__ import annotations

from dataclasses import dataclass

from models.music.performance import bars_in_seconds, notes_in_seconds, sounding_seconds
from webapp.composing.sources import Source

NoteInSeconds = tuple[float, float, int, int]  # start_s, duration_s, pitch, velocity


@dataclass(frozen=True)
class PianoRoll:
    """How many ``seconds`` a piece sounds, and its notes ``(start_s, duration_s, pitch, velocity)`` in that time.

    ``bars_s`` is the second at which each bar begins, and at last where the piece ends.
    """

    seconds: float
    notes: list[NoteInSeconds]
    bars_s: list[float]


def piano_roll(source: Source) -> PianoRoll:
    """The whole piece in the time of ``models.music.render.render``."""
    piece, performance = source.piece, source.performance
    seconds, bars = sounding_seconds(piece, performance), bars_in_seconds(piece, performance)
    return PianoRoll(round(seconds, 3), notes_in_seconds(piece, None, performance), bars)
