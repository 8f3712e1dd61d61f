"""The tension model on uploaded files of notes: a score for each, the best first, and curves along it."""

from __future__ import annotations

import json
import tempfile
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pandas as pd

from models.music.notes import Piece
from models.tension.curves import Curves
from webapp.runtime import supervised_process
from webapp.runtime.errors import NotAllowed, NotReady, TooMany
from webapp.runtime.limits import UPLOADS_A_SECOND, UPLOADS_AT_ONCE, Buckets
from webapp.runtime.waiting import slot

MOST_FILES = 12
AT_ONCE = 1  # processes that score
WAITING = 3  # requests that wait for one
PATIENCE_S = 90
SECONDS = 150  # for all files of a request
LONGEST_NAME = 80
COLUMNS = {
    "scores": ("file", "heard_as", "score", "open_future", "known_past"),
    "bars": ("file", "bar", "surprise", "uncertainty", "recognised"),
    "notes": ("file", "onset_bars", "length_bars", "midi_pitch", "surprise", "uncertainty"),
}


_places = threading.BoundedSemaphore(AT_ONCE + WAITING)
_slots = threading.BoundedSemaphore(AT_ONCE)
_requests = Buckets(UPLOADS_A_SECOND, UPLOADS_AT_ONCE)


@dataclass(frozen=True)
class ScoredFile:
    """The curves and ``notes`` of a file, or of a tune of a book; or why there are none (``problem``)."""

    name: str
    curves: Curves = field(default_factory=Curves)
    problem: str = ""
    notes: Piece | None = None


def score(listener_id: uuid.UUID, files: Sequence[tuple[str, bytes]]) -> list[ScoredFile]:
    """Score MIDI and ABC files of one listener: the best first, those that can't be read last.

    Raises ``NotAllowed`` for too many or none, ``TooMany`` for a listener who asks without end, and ``NotReady``.
    """
    if not 0 < len(files) <= MOST_FILES:
        raise NotAllowed(f"{len(files)} files were given; 1 to {MOST_FILES} can be heard at once")
    if not all(_requests.take(str(listener_id)) for _ in files):
        raise TooMany("so many files were heard that others must come first; wait a minute")
    with _turn(), tempfile.TemporaryDirectory(prefix="kallos-tension-") as place:
        folder = Path(place)
        names = [" ".join(name.split())[-LONGEST_NAME:] or "the file" for name, _ in files]
        for number, (_, data) in enumerate(files):
            (folder / str(number)).write_bytes(data)
        (folder / "names.json").write_text(json.dumps(names), encoding="utf-8")
        supervised_process.run_program(
            "webapp.tension.tension_process", place, seconds=SECONDS,
            late="the music could not be heard in time; try fewer or shorter files",
            broken="the tension model did not answer; it is in the log, try again in a moment",
        )  # fmt: skip
        answers = json.loads((folder / "heard.json").read_text(encoding="utf-8"))
    scored = [
        ScoredFile(each["name"], problem=each["problem"])
        if "problem" in each
        else ScoredFile(each["name"], Curves.from_json(each["curves"]), notes=Piece.from_json(each["piece"]))
        for each in answers
    ]
    return sorted(scored, key=lambda each: (bool(each.problem), not each.curves.scored, -each.curves.both))


def tables(scored: Sequence[ScoredFile]) -> dict[str, pd.DataFrame]:
    """The files' ``scores``, and the figures of each of the ``bars`` and ``notes``."""
    scores, bars, notes = list[tuple[Any, ...]](), list[tuple[Any, ...]](), list[tuple[Any, ...]]()
    for each in scored:
        curves, name = each.curves, each.name
        scores.append((name, curves.domain, *curves.rewards))
        by_bar = zip_longest(curves.surprise, curves.uncertainty, curves.recognised)
        bars += [(name, number, *figures) for number, figures in enumerate(by_bar, 1)]
        notes += [
            (name, note.onset + 1, note.length, note.pitch, note.surprise, note.uncertainty) for note in curves.notes
        ]
    rows = {"scores": scores, "bars": bars, "notes": notes}
    return {table: pd.DataFrame(rows[table], columns=list(COLUMNS[table])) for table in COLUMNS}


@contextmanager
def _turn() -> Iterator[None]:
    """Wait until no other files are scored; raises ``NotReady`` where many wait, or it takes too long."""
    busy = NotReady("other music is being heard; nothing is lost, try again in a minute")
    with slot(_places, busy), slot(_slots, busy, PATIENCE_S):
        yield
