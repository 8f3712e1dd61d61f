"""A composed piece made playable: rendered at the lengths of the ladder and put into the clip store.

What is long, or full of notes, is rendered by a process of its own: ``python -m webapp.composing.rendering SECONDS``
reads a piece and the request as JSON, and writes a line of JSON with its loudness, then the sound.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict, dataclass
from typing import TypedDict

from models.music.notes import Domain, Piece
from models.music.performance import as_written, sounding_seconds
from models.music.render import SILENCE_LUFS, encode_lossless, encode_mp3, measure, render
from models.style.performance import touch
from webapp.runtime.clip_store import ClipStore
from webapp.runtime.supervised_process import bound
from webapp.runtime.waiting import Waits, output_of

LADDER_SECONDS = (7.0, 14.0)  # first pairs are short, later ones longer
LONGEST_SECONDS = 240.0  # of a whole piece
QUICK_NOTES, QUICK_SECONDS = 2_000, 30.0  # up to which a request renders by itself, in about a second
PROCESS_SECONDS = 120  # that the process for whatever is larger may take
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

    @property
    def silent(self) -> bool:
        """Whether it is too soft to be heard: a first note of velocity 2 may stand alone for seconds."""
        return self.lufs is not None and self.lufs <= SILENCE_LUFS

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


@dataclass(frozen=True)
class Sound:
    """An encoded sound, and how loud it is."""

    data: bytes
    lufs: float
    true_peak_db: float


def rendered(
    piece: Piece, seconds: float | None, domain: Domain | None, *, form: str = "mp3", title: str = ""
) -> Sound:
    """The sound of a piece, of so many ``seconds`` or whole, as music of its ``domain`` or, where None, as written.

    ``form``: ``mp3``, ``flac`` or ``wav``.
    """
    audio = render(piece, seconds, touch.play(piece, domain) if domain else as_written(piece))
    loudness = measure(audio)
    data = encode_mp3(audio, title=title) if form == "mp3" else encode_lossless(audio, form, title)
    return Sound(data, loudness.lufs, loudness.true_peak_db)


def rendered_for(
    waits: Waits, piece: Piece, seconds: float | None, domain: Domain | None, *, form: str = "mp3", title: str = ""
) -> Sound:
    """As ``rendered``, within a request: what is long or full of notes in a process of its own.

    Raises ``NobodyWaits`` and ``NotReady``.
    """
    length = seconds or float(piece.seconds_at(piece.end_tick))
    if len(piece.notes) <= QUICK_NOTES and length <= QUICK_SECONDS:
        return rendered(piece, seconds, domain, form=form, title=title)
    wanted = {"piece": piece.to_json(), "seconds": seconds, "domain": domain, "form": form, "title": title}
    printed = output_of(
        "webapp.composing.rendering", str(PROCESS_SECONDS), given=json.dumps(wanted).encode(),
        seconds=PROCESS_SECONDS, waits=waits,
    )  # fmt: skip
    loudness, _, data = printed.partition(b"\n")
    return Sound(data, **json.loads(loudness))


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


def render_into(
    store: ClipStore, piece: Piece, seconds: float, domain: Domain, *, waits: Waits | None = None
) -> Rendered:
    """Render one length, played as music of its ``domain`` is, and store it; ``rendered_for`` whoever ``waits``."""
    sound = rendered_for(waits, piece, seconds, domain) if waits else rendered(piece, seconds, domain)
    stored = store.put(sound.data, ".mp3")
    return Rendered(seconds, stored.sha256, stored.key, stored.size, sound.lufs, sound.true_peak_db, touch.version())


def main() -> None:
    """See the module docstring."""
    wanted = json.load(sys.stdin)
    sound: Sound = rendered(Piece.from_json(wanted.pop("piece")), **wanted)
    loudness = {name: value for name, value in asdict(sound).items() if name != "data"}
    sys.stdout.buffer.write(json.dumps(loudness).encode() + b"\n" + sound.data)


if __name__ == "__main__":
    bound(int(sys.argv[1]))
    main()
