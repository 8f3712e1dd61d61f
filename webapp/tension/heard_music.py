"""What the tension model hears in some files of notes: a score for each, the best first, and curves along it."""

from __future__ import annotations

import json
import tempfile
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from models.tension.curves import Curves
from webapp.runtime import own_process
from webapp.runtime.errors import NotAllowed, NotReady, TooMany
from webapp.runtime.limits import UPLOADS_A_SECOND, UPLOADS_AT_ONCE, Buckets

MOST_FILES = 12
AT_ONCE = 1  # processes that listen
SECONDS = 150  # for all files of a request
LONGEST_NAME = 80

_slots = threading.BoundedSemaphore(AT_ONCE)
_asked = Buckets(UPLOADS_A_SECOND, UPLOADS_AT_ONCE)


@dataclass(frozen=True)
class HeardMusic:
    """A file as it was heard, or why it can't be (``problem``)."""

    name: str
    curves: Curves = field(default_factory=Curves)
    problem: str = ""


def hear(listener_id: uuid.UUID, files: Sequence[tuple[str, bytes]]) -> list[HeardMusic]:
    """Hear MIDI and ABC files of one listener: the best score first, what can't be heard last.

    Raises ``NotAllowed`` for too many or none, ``TooMany`` for a listener who asks without end, and ``NotReady``.
    """
    if not 0 < len(files) <= MOST_FILES:
        raise NotAllowed(f"{len(files)} files were given; 1 to {MOST_FILES} can be heard at once")
    if not all(_asked.take(str(listener_id)) for _ in files):
        raise TooMany("so many files were heard that others must come first; wait a minute")
    if not _slots.acquire(blocking=False):
        raise NotReady("other music is being heard; nothing is lost, try again in a moment")
    try:
        with tempfile.TemporaryDirectory(prefix="kallos-tension-") as place:
            folder = Path(place)
            names = [" ".join(name.split())[-LONGEST_NAME:] or "the file" for name, _ in files]
            for number, (_, data) in enumerate(files):
                (folder / str(number)).write_bytes(data)
            (folder / "names.json").write_text(json.dumps(names), encoding="utf-8")
            own_process.run(
                "webapp.tension.hearing_process", place, seconds=SECONDS,
                late="the music could not be heard in time; try fewer or shorter files",
                broken="the tension model did not answer; it is in the log, try again in a moment",
            )  # fmt: skip
            told = json.loads((folder / "heard.json").read_text(encoding="utf-8"))
    finally:
        _slots.release()
    found = [
        HeardMusic(each["name"], problem=each["problem"])
        if "problem" in each
        else HeardMusic(each["name"], Curves.from_json(each["curves"]))
        for each in told
    ]
    return sorted(found, key=lambda each: (bool(each.problem), -each.curves.both))
