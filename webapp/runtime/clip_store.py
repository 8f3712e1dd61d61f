"""The clip store: sound by content hash behind one fsspec URL (a folder by default, any object store later).

The same bytes are one file, however many clips use it; a file is there whole or not at all.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from models.music.files import replacing

HASH = re.compile(r"[0-9a-f]{64}")


class ClipMissingError(LookupError):
    """The store has no file of this name (a disk that forgot, a file deleted by hand): render the clip again."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the clip store has no file {key!r}; it has to be rendered again")
        self.key = key


@dataclass(frozen=True)
class Stored:
    """Where bytes lie: ``key`` is relative to the store, so that a store can move."""

    key: str
    sha256: str
    size: int


def key_of(sha256: str, suffix: str) -> str:
    """The key of bytes with this hash."""
    return f"{sha256[:2]}/{sha256}{suffix}"


def _fits(key: str, data: bytes) -> bool:
    """Whether a file's name is the hash of what it holds; one of another name is believed."""
    named = key.rpartition("/")[2].partition(".")[0]
    return not HASH.fullmatch(named) or hashlib.sha256(data).hexdigest() == named


class ClipStore:
    """Files named by the SHA-256 of what they hold."""

    def __init__(self, url: str) -> None:
        self._files, self._root = fsspec.core.url_to_fs(url)
        self._local = isinstance(self._files, LocalFileSystem)

    def put(self, data: bytes, suffix: str) -> Stored:
        """Store ``data`` under its hash and ``suffix`` (such as ``.mp3``); storing it again changes nothing."""
        digest = hashlib.sha256(data).hexdigest()
        stored = Stored(key_of(digest, suffix), digest, len(data))
        if self.size(stored.key) == len(data) and self._is_whole(stored.key):
            return stored
        path = self._path(stored.key)
        if self._local:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            with replacing(Path(path), lasting=True) as part:  # before a row says that it is there
                part.write_bytes(data)
        else:  # an object store shows an object only once it is whole
            self._files.pipe_file(path, data)
        return stored

    def get(self, key: str) -> bytes:
        """The bytes under ``key``; raises ``ClipMissingError``, also where they are not those that were stored."""
        try:
            data: bytes = self._files.cat_file(self._path(key))
        except (FileNotFoundError, NotADirectoryError):
            raise ClipMissingError(key) from None
        if not _fits(key, data):
            raise ClipMissingError(key)  # cut off, by a full disk or a crash
        return data

    def _is_whole(self, key: str) -> bool:
        try:
            self.get(key)
        except ClipMissingError:
            return False
        return True

    def size(self, key: str) -> int | None:
        """Bytes under ``key``, or None where there is no such file."""
        try:
            return int(self._files.size(self._path(key)))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def delete(self, key: str) -> bool:
        """Forget ``key``; whether there was such a file."""
        try:
            self._files.rm_file(self._path(key))
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def keys(self) -> list[str]:
        """Every key in the store, sorted; for tests and for finding files that nothing uses."""
        if not self._files.exists(self._root):
            return []
        found = self._files.find(self._root)
        return sorted(str(path)[len(self._root) :].lstrip("/") for path in found)

    def _path(self, key: str) -> str:
        if ".." in key or key.startswith("/"):
            raise ValueError(f"{key!r} is no key of the clip store")
        return f"{self._root}/{key}"
