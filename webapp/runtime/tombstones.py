"""Who was deleted, so that no backup brings them back: hashes of their random ids, a line each, and nothing else."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path


class Tombstones:
    """The file at ``path``, which need not be there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, listener_id: uuid.UUID) -> None:
        """Note that this listener was deleted; it is on the disk when this returns."""
        self.add_all([_mark(listener_id)])

    def add_all(self, marks: Iterable[str]) -> None:
        """Note what another file of this kind has."""
        with self._alone():
            self._append(marks)

    def _append(self, marks: Iterable[str]) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "a", encoding="ascii") as file:
            file.writelines(f"{mark}\n" for mark in marks)
            file.flush()
            os.fsync(file.fileno())

    def lift(self, listener_id: uuid.UUID) -> None:
        """Forget that they were deleted: they brought their own export back."""
        if _mark(listener_id) not in self.read():
            return
        with self._alone():
            draft = Tombstones(self.path.with_suffix(".part"))
            draft.path.unlink(missing_ok=True)
            draft._append(sorted(self.read() - {_mark(listener_id)}))
            draft.path.replace(self.path)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else writes meanwhile, in no process: what is added while the file is written anew would be lost."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def read(self) -> set[str]:
        """Every mark."""
        try:
            return set(self.path.read_text(encoding="ascii").split())
        except FileNotFoundError:
            return set()

    def among(self, listener_ids: Iterable[uuid.UUID]) -> list[uuid.UUID]:
        """Those of them who were deleted."""
        marks = self.read()
        return [each for each in listener_ids if _mark(each) in marks]


def _mark(listener_id: uuid.UUID) -> str:
    return hashlib.sha256(listener_id.bytes).hexdigest()
