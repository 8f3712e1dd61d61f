"""Pictures of a listener's own that music is to move: read in a process of its own, kept by the page alone."""

from __future__ import annotations

import base64
import json
import tempfile
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from webapp.runtime import supervised_process
from webapp.runtime.errors import NotAllowed, NotReady, TooMany
from webapp.runtime.limits import UPLOADS_A_SECOND, UPLOADS_AT_ONCE, Buckets
from webapp.runtime.waiting import slot

MOST_PICTURES = 40
SECONDS = 60  # that reading them may take
NAMES, STRIP, READ = "names.json", "strip.png", "read.json"
LONGEST_NAME = 60

_one_at_a_time = threading.BoundedSemaphore(1)
_asked = Buckets(UPLOADS_A_SECOND, UPLOADS_AT_ONCE)


@dataclass(frozen=True)
class OwnPictures:
    """``count`` pictures below one another on a ``strip`` (PNG in base64), and a line for each that can't be read."""

    strip: str
    count: int
    problems: tuple[str, ...] = ()


def read(listener_id: uuid.UUID, files: Sequence[tuple[str, bytes]]) -> OwnPictures:
    """Read pictures, each by its name.

    Raises ``NotAllowed`` for none, too many, or where no picture can be read, ``TooMany`` for a listener who asks
    without end, and ``NotReady``.
    """
    if not 0 < len(files) <= MOST_PICTURES:
        raise NotAllowed(f"{len(files)} pictures were given; 1 to {MOST_PICTURES} can be shown")
    if not _asked.take(str(listener_id)):
        raise TooMany("so many pictures were brought that others must come first; wait a minute")
    busy = NotReady("other pictures are being read; try again in a moment")
    with slot(_one_at_a_time, busy, SECONDS), tempfile.TemporaryDirectory(prefix="kallos-pictures-") as place:
        folder = Path(place)
        names = [" ".join(Path(name).name.split())[-LONGEST_NAME:] or "the picture" for name, _ in files]
        for number, (_, data) in enumerate(files):
            (folder / str(number)).write_bytes(data)
        (folder / NAMES).write_text(json.dumps(names), encoding="utf-8")
        supervised_process.run_program(
            "webapp.film.reading_process", place, seconds=SECONDS + 5,
            late="the pictures could not be read in time; try fewer or smaller ones",
            broken="the pictures could not be read in the memory there is; try fewer or smaller ones",
        )  # fmt: skip
        told = json.loads((folder / READ).read_text(encoding="utf-8"))
        strip = (folder / STRIP).read_bytes() if told["count"] else b""
    if not strip:
        raise NotAllowed(told["problems"][0])
    return OwnPictures(base64.b64encode(strip).decode(), told["count"], tuple(told["problems"]))
