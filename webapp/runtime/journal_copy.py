"""The vote journal once more at ``KALLOS_JOURNAL_URL``, for a disk that is lost at a restart.

Any fsspec URL will do, also a bucket where a file can't be changed once it is closed: of each file of the journal a
folder of *parts* is kept, ``TIME.STORY.OFFSET.SIZE``, that are written once. A story is named by its beginning, so that
a file that was written anew (a vote was undone) is another one. ``TIME.gone`` says that everything before it was
deleted: it is there before a listener is told so. What happened is copied within a second, by a thread.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from models.music.files import OWNER, replacing
from webapp.runtime.errors import NotWritten

BLOCK = 65_536
log = logging.getLogger(__name__)
GATHER_SECONDS = 0.5  # votes that come together travel together
RETRY_SECONDS = 2.0
LAST_SECONDS = 10.0  # for what is left when the process ends
TOGETHER = 16  # files that travel at the same time
MOST_PARTS = 32  # of a file; then it is copied whole, and they go
GONE = "gone"
SECRET = "secret"  # noqa: S105 (the name of the file that signs tokens, which lies beside the journal)
Story = tuple[str, int]  # its name, and how many bytes there are of it


def end_of_last_line(descriptor: int, size: int | None = None) -> int:
    """Bytes up to and with the last newline (of the first ``size`` bytes)."""
    end = os.fstat(descriptor).st_size if size is None else size
    while end > 0:
        start = max(0, end - BLOCK)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


@dataclass(frozen=True, order=True)
class Part:
    """Some bytes of a file; ``story`` is ``GONE`` where it was deleted."""

    time_ns: int
    story: str
    offset: int = 0
    size: int = 0

    @property
    def name(self) -> str:
        """What it is called in its folder."""
        where = "" if self.story == GONE else f".{self.offset}.{self.size}"
        return f"{self.time_ns:020d}.{self.story}{where}"

    @classmethod
    def read(cls, name: str, size: int) -> Part | None:
        """The part of this name; None where it was not written to its end, or is none."""
        try:
            time_ns, story, *where = name.split(".")
            found = cls(int(time_ns), story, *map(int, where))
        except (ValueError, TypeError):
            return None
        return found if story == GONE or found.size == size else None


@dataclass
class Copied:
    """What the distant place has of one file."""

    parts: list[Part] = field(default_factory=list)

    def add(self, part: Part) -> None:
        """Note a part."""
        self.parts = sorted([*self.parts, part])

    @property
    def chain(self) -> list[Part]:
        """The parts of the newest whole story, which may overlap, by offset; none where the file was deleted."""
        since = max((part.time_ns for part in self.parts if part.story == GONE), default=-1)
        living = [part for part in self.parts if part.time_ns > since]
        begun = [part for part in living if part.offset == 0]
        if not begun:
            return []
        return sorted((each for each in living if each.story == begun[-1].story), key=lambda each: each.offset)

    @property
    def story(self) -> Story:
        """The newest story and how far it goes without a gap."""
        end = 0
        for part in (chain := self.chain):
            if part.offset > end:
                break
            end = max(end, part.offset + part.size)
        return (chain[0].story if chain else "", end)

    @property
    def gone(self) -> bool:
        """Whether it was deleted, and not written again since."""
        return not self.chain and any(part.story == GONE for part in self.parts)


class JournalCopy:
    """The copy at ``url`` of the journal in ``folder``; made of what this process marks."""

    def __init__(self, url: str, folder: Path) -> None:
        self._files, root = fsspec.core.url_to_fs(url)
        self._root, self._folder = str(root).rstrip("/"), folder
        self._local = isinstance(self._files, LocalFileSystem)
        self._copied: dict[str, Copied] = {}
        self._marked: dict[str, float] = {}  # since when each waits
        self._changed = threading.Condition()
        self._copying = threading.Lock()  # one round at a time
        self._of_files = [threading.Lock() for _ in range(64)]  # no file is copied while it is deleted
        self._closing = False
        self._thread: threading.Thread | None = None
        self._last_time = 0

    def mark(self, path: Path) -> None:
        """This file has changed: copy it soon."""
        with self._changed:
            self._marked.setdefault(self._name(path), time.monotonic())
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._copy_forever, name="journal copy", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def bury(self, path: Path) -> None:
        """Delete a file's copy, for good when this returns; raises ``NotWritten`` where the place does not answer."""
        name = self._name(path)
        try:
            with self._lock(name):
                found = self._look(name)
                if found.chain:
                    self._put(name, Part(self._now(), GONE), b"")
                self._clear(name, [part for part in found.parts if part.story != GONE])
                with self._changed:
                    self._marked.pop(name, None)
        except Exception as error:
            log.exception("journal_copy_not_deleted")
            raise NotWritten("this could not be deleted everywhere, so it is not deleted; try again") from error

    def kept(self, path: Path) -> bool:
        """Whether all that this file holds now is at the distant place too."""
        name = self._name(path)
        try:
            now = _story(path)
            if _covers(self._copied.get(name), now):
                return True
            with self._changed:
                if name in self._marked:
                    return False
            return _covers(self._look(name), now)  # another process may have copied it
        except Exception as error:  # noqa: BLE001 (each kind of place has errors of its own)
            log.warning("journal_copy_unknown error=%s", error)
            return False

    def waiting(self) -> tuple[int, float]:
        """How many files wait, and for how many seconds the first of them."""
        with self._changed:
            return len(self._marked), max((time.monotonic() - since for since in self._marked.values()), default=0.0)

    def bring_home(self) -> int:
        """Write every file that the folder lacks as it was copied, and mark what it has beyond the copy; how many.

        Raises ``OSError``, or what the place's own library raises.
        """
        self._files.invalidate_cache()
        self._copied = self._read_all()
        brought = 0
        with ThreadPoolExecutor(TOGETHER) as threads:
            lacking = [name for name, found in self._copied.items() if found.chain and not self._path(name).exists()]
            brought = sum(threads.map(self._bring, lacking))
        for path in (each for pattern in ("*.jsonl", "*/*.json") for each in self._folder.glob(pattern)):
            if not _covers(self._copied.get(self._name(path)), _story(path)):
                self.mark(path)
        return brought

    def known_gone(self) -> list[str]:
        """The files that were deleted, as far as ``bring_home`` saw."""
        return [name for name, found in self._copied.items() if found.gone]

    def knows_gone(self, path: Path) -> bool:
        """Whether this file was deleted, as far as this process knows without asking."""
        found = self._copied.get(self._name(path))
        return found is not None and found.gone

    def gone(self) -> list[str]:
        """The files that were deleted, asked anew."""
        self._files.invalidate_cache()
        return [name for name, found in self._read_all().items() if found.gone]

    def flush(self, patience_s: float = LAST_SECONDS) -> bool:
        """Copy what waits, now; whether all of it is copied."""
        until = time.monotonic() + patience_s
        while self.waiting()[0] and time.monotonic() < until:
            if not self._copy_marked():
                time.sleep(min(0.5, patience_s))
        return not self.waiting()[0]

    def close(self) -> None:
        """Copy what waits, and stop."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        if not self.flush():
            log.error("journal_not_copied files=%d", self.waiting()[0])

    def _copy_forever(self) -> None:
        while not self._closing:
            with self._changed:
                self._changed.wait_for(lambda: self._marked or self._closing)
                self._changed.wait_for(lambda: self._closing, GATHER_SECONDS)
            if not self._closing and not self._copy_marked():
                with self._changed:
                    self._changed.wait_for(lambda: self._closing, RETRY_SECONDS)

    def _copy_marked(self) -> bool:
        """Copy every file that is marked; whether all went well."""
        with self._copying, ThreadPoolExecutor(TOGETHER) as threads:
            with self._changed:
                names = dict(self._marked)
            return all([*threads.map(self._copy, names)])

    def _copy(self, name: str) -> bool:
        with self._changed:
            since = self._marked.get(name)
        try:
            self._copy_story(name)
        except Exception as error:  # noqa: BLE001 (each kind of place has errors of its own)
            log.warning("journal_not_copied_yet error=%s", error)
            return False
        with self._changed:  # what was marked meanwhile stands behind what was read: it is looked at again
            path = self._path(name)
            if since is not None and (not path.exists() or _covers(self._copied.get(name), _story(path))):
                self._marked.pop(name, None)
        return True

    def _copy_story(self, name: str) -> None:
        path = self._path(name)
        with self._lock(name):
            if not path.exists():
                return
            story, size = _story(path)
            found = self._copied.get(name) or self._look(name)
            there, end = found.story
            if not size or _covers(found, (story, size)):
                return
            goes_on = there == story and len(found.parts) < MOST_PARTS
            offset = end if goes_on else 0
            older = [] if goes_on else [part for part in found.parts if part.story != GONE]
            with path.open("rb") as file:
                file.seek(offset)
                data = file.read(size - offset)
            self._put(name, Part(self._now(), story, offset, len(data)), data)
            if not path.exists():  # deleted by another process just now
                self._put(name, Part(self._now(), GONE), b"")
            self._clear(name, older)

    def _put(self, name: str, part: Part, data: bytes) -> None:
        path = f"{self._root}/{name}/{part.name}"
        if self._local:
            make_private(Path(self._root), Path(path).parent)
        else:
            self._files.makedirs(f"{self._root}/{name}", exist_ok=True)
        self._files.pipe_file(path, data)
        if self._local:
            Path(path).chmod(0o600)
        self._copied.setdefault(name, Copied()).add(part)

    def _clear(self, name: str, parts: Iterable[Part]) -> None:
        """Delete parts that no longer count; where nothing can be deleted they stay, and still don't count."""
        for part in parts:
            try:
                self._files.rm_file(f"{self._root}/{name}/{part.name}")
            except FileNotFoundError:
                pass
            except (OSError, NotImplementedError) as error:
                log.warning("journal_part_stays part=%s error=%s", part.time_ns, error)
                continue
            known = self._copied.get(name)
            if known and part in known.parts:
                known.parts = [each for each in known.parts if each != part]

    def _look(self, name: str) -> Copied:
        """What is there of a file, asked anew."""
        folder = f"{self._root}/{name}"
        self._files.invalidate_cache(folder)
        try:
            listed = self._files.ls(folder, detail=True)
        except FileNotFoundError:
            listed = []
        parts = (Part.read(str(each["name"]).rpartition("/")[2], int(each["size"] or 0)) for each in listed)
        self._copied[name] = Copied(sorted(part for part in parts if part))
        return self._copied[name]

    def _read_all(self) -> dict[str, Copied]:
        if not self._files.exists(self._root):
            return {}
        everything: Mapping[str, Mapping[str, object]] = self._files.find(self._root, detail=True)
        found: dict[str, Copied] = {}
        for path, about in everything.items():
            name, _, part_name = str(path)[str(path).index(self._root) + len(self._root) :].strip("/").rpartition("/")
            if name and (part := Part.read(part_name, int(str(about.get("size") or 0)))):
                found.setdefault(name, Copied()).add(part)
        return found

    def _bring(self, name: str) -> bool:
        data = bytearray()
        for part in self._copied[name].chain:
            if part.offset > len(data):
                log.error("journal_copy_has_a_gap file=%s at=%d", name, len(data))
                break
            data[part.offset : part.offset + part.size] = self._files.cat_file(f"{self._root}/{name}/{part.name}")
        path = self._path(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(path, mode=OWNER) as draft:
            draft.write_bytes(data)
        return True

    def _lock(self, name: str) -> threading.Lock:
        return self._of_files[hash(name) % len(self._of_files)]

    def _now(self) -> int:
        """A time that no earlier part of this process has."""
        with self._changed:
            self._last_time = max(time.time_ns(), self._last_time + 1)
            return self._last_time

    def _name(self, path: Path) -> str:
        return SECRET if path.name == SECRET else path.relative_to(self._folder).as_posix()

    def _path(self, name: str) -> Path:
        path = self._folder / name
        if name == SECRET:
            return self._folder.parent / SECRET
        if not path.resolve().is_relative_to(self._folder.resolve()):
            raise ValueError(f"{name!r} is no file of the journal")
        return path


def make_private(root: Path, folder: Path) -> None:
    """Make a folder below ``root``, and what is between, that only its owner can open."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for between in [*reversed(folder.relative_to(root).parents), folder.relative_to(root)]:
        (root / between).mkdir(mode=0o700, exist_ok=True)


def _story(path: Path) -> Story:
    """What a file's story is called, and how many whole bytes it has; none where there is no file."""
    try:
        with path.open("rb") as file:
            if path.suffix != ".jsonl":
                whole = file.read()
                return hashlib.sha256(whole).hexdigest()[:16], len(whole)
            first = file.readline()
            size = end_of_last_line(file.fileno()) if first.endswith(b"\n") else 0
            return hashlib.sha256(first).hexdigest()[:16], size
    except FileNotFoundError:
        return "", 0


def _covers(copied: Copied | None, now: Story) -> bool:
    return copied is not None and copied.story[0] == now[0] and copied.story[1] >= now[1]
