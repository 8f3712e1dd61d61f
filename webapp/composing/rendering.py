"""A composed piece made playable: rendered at the lengths of the ladder and put into the clip store."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypedDict

from models.music.notes import Domain, Piece
from models.music.piano import Piano
from models.music.render import encode_mp3, measure, render, sounding_seconds
from models.style.performance import touch
from webapp.runtime.clip_store import ClipStore

LADDER_SECONDS = (7.0, 14.0)  # first pairs are short, later ones longer
LONGEST_SECONDS = 240.0  # of a whole piece
LEAST_SOUNDING_SHARE = 0.9  # of a length, so that no clip of a pair ends long before the other


class Columns(TypedDict):
    """What is written down of one sound."""

    seconds: float
    sha256: str
    uri: str
    size_bytes: int
    lufs: float | None
    true_peak_db: float | None
    playing: str


@dataclass(frozen=True)
class Rendered:
    """One length of a clip in the store, or a picture, which has no loudness."""

    seconds: float
    sha256: str
    key: str
    size: int
    lufs: float | None
    true_peak_db: float | None
    playing: str

    def columns(self) -> Columns:
        """As the table of sounds has it."""
        return {
            "seconds": self.seconds,
            "sha256": self.sha256,
            "uri": self.key,
            "size_bytes": self.size,
            "lufs": self.lufs,
            "true_peak_db": self.true_peak_db,
            "playing": self.playing,
        }


def playable_lengths(piece: Piece) -> list[float]:
    """The lengths of the ladder that the piece fills."""
    if len(piece.notes) == 0:
        return []
    first = float(piece.seconds_at(piece.notes[:, 0]).min())
    last = float(piece.seconds_at(piece.notes[:, 0] + piece.notes[:, 1]).max())
    return [seconds for seconds in LADDER_SECONDS if last - first >= LEAST_SOUNDING_SHARE * seconds]


def whole_length(piece: Piece, domain: Domain) -> float:
    """Seconds until the last note has faded, as the piece is played."""
    return math.ceil(10 * min(sounding_seconds(piece, touch.play(piece, domain)), LONGEST_SECONDS)) / 10


def render_into(store: ClipStore, piece: Piece, seconds: float, domain: Domain, piano: Piano | None = None) -> Rendered:
    """Render one length, played as music of its ``domain`` is, and store it."""
    audio = render(piece, seconds, touch.play(piece, domain), piano=piano)
    loudness = measure(audio)
    stored = store.put(encode_mp3(audio), ".mp3")
    return Rendered(
        seconds, stored.sha256, stored.key, stored.size, loudness.lufs, loudness.true_peak_db, touch.version()
    )
