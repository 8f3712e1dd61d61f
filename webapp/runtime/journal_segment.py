"""One file of the vote journal: what happened to one listener, a JSON line an entry, appended and never changed.

Entries are numbered. An entry is on the disk before its transaction is committed, so the newest one may be of a
transaction that never was: the next entry then has the same number, and of entries with one number the later counts.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from models.music.files import sync
from webapp.runtime.journal_copy import JournalCopy, end_of_last_line

NUMBER = re.compile(rb'\{"n":(\d{1,12}),')


class DamagedSegmentError(ValueError):
    """The file can't be read as a whole story."""


@dataclass(frozen=True)
class Entry:
    """``data``: rows that changed, ``{listener, offers, fours, clips, studio, plays, fits}``; if ``whole``, all of
    them and ``studies``.

    ``cards``, where they changed, are all that are shared; ``gone`` names pieces of the studio that were thinned out.
    Older segments lack what there was not yet.
    """

    number: int
    whole: bool
    data: dict[str, Any]


class Segment:
    """The file of one listener, which need not be there. Whoever appends holds the listener's row locked.

    ``copy`` is told of what changes.
    """

    def __init__(self, path: Path, copy: JournalCopy | None = None) -> None:
        self.path = path
        self._copy = copy

    def append(self, entry: Entry) -> None:
        """Write one entry to the disk; it is there for good when this returns. Raises ``OSError``."""
        line = {"n": entry.number, "whole": entry.whole, **entry.data}
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = not self.path.exists()
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            whole_bytes = end_of_last_line(file.fileno())
            if whole_bytes < os.fstat(file.fileno()).st_size:
                file.truncate(whole_bytes)  # a line torn by a crash: its transaction was never committed
            view = memoryview(text)
            while view:
                view = view[file.write(view) :]
            os.fsync(file.fileno())
        if new:
            sync(self.path.parent)
        self._tell()

    def last_number(self) -> int | None:
        """The number of the last whole line; None where there is none."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            end = end_of_last_line(descriptor)
            start = end_of_last_line(descriptor, end - 1) if end else 0
            found = NUMBER.match(os.pread(descriptor, 32, start))
            return int(found[1]) if found and end else None
        finally:
            os.close(descriptor)

    def entries(self) -> list[Entry]:
        """The entries that count, from the last whole one on; raises ``DamagedSegmentError`` where one is lacking."""
        kept = self._counted()
        if gaps := _gaps(kept):
            raise DamagedSegmentError(f"{self.path.name} lacks {gaps[0]}")
        return kept

    def gaps(self) -> list[str]:
        """What is lacking between the entries that count: lines that the disk has damaged."""
        return _gaps(self._counted())

    def _counted(self) -> list[Entry]:
        counted: list[Entry] = []
        for entry in self._lines():
            while counted and counted[-1].number >= entry.number:
                counted.pop()
            counted.append(entry)
        first = max((index for index, entry in enumerate(counted) if entry.whole), default=None)
        if first is None:
            raise DamagedSegmentError(f"{self.path.name} has no entry that tells the whole of a listener")
        return counted[first:]

    def state(self, *, with_gaps: bool = False) -> tuple[int, dict[str, Any]]:
        """The number of the newest entry, and the listener's rows after it, in the form of a whole entry.

        ``with_gaps``: what damaged lines told is left out; else they raise ``DamagedSegmentError``.
        """
        first, *rest = entries = self._counted() if with_gaps else self.entries()
        data = dict(first.data)
        gone = {each for entry in entries for each in entry.data.get("gone", ())}
        for name in ("offers", "fours", "clips", "studio", "plays", "fits"):
            rows = {row["id"]: row for each in entries for row in each.data.get(name, ()) if row["id"] not in gone}
            data[name] = list(rows.values())
        data["cards"] = next((each.data["cards"] for each in reversed(entries) if "cards" in each.data), [])
        newest = rest[-1] if rest else first
        return newest.number, data | {"listener": newest.data["listener"]}

    def forget_the_past(self) -> None:
        """Drop every line before the last whole entry, which tells all that still counts."""
        entries = self.entries()
        draft = Segment(self._draft)
        draft.remove()
        for entry in entries:
            draft.append(entry)
        draft.path.replace(self.path)
        sync(self.path.parent)
        self._tell()

    def remove(self) -> None:
        """Delete the file, its copy first; nothing happens where there is none. Raises ``NotWritten``."""
        if self._copy:
            self._copy.bury(self.path)
        for path in (self._draft, self.path):
            if path.exists():
                path.unlink()
                sync(path.parent)

    def _tell(self) -> None:
        if self._copy:
            self._copy.mark(self.path)

    @property
    def _draft(self) -> Path:
        return self.path.with_suffix(".draft")

    def _lines(self) -> Iterator[Entry]:
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    return  # torn by a crash
                try:
                    data = json.loads(line)
                    yield Entry(int(data.pop("n")), bool(data.pop("whole")), data)
                except (ValueError, KeyError, TypeError, AttributeError):
                    continue  # damaged: if it is missed, the numbers tell


def _gaps(entries: list[Entry]) -> list[str]:
    return [
        f"what its line {before.number + 1} told"
        if after.number == before.number + 2
        else f"what its lines {before.number + 1} to {after.number - 1} told"
        for before, after in pairwise(entries)
        if after.number != before.number + 1
    ]
