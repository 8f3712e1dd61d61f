"""Files that appear whole or not at all, however a process that writes them ends."""

from __future__ import annotations

import glob
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ANYBODY, OWNER = 0o666, 0o600  # who may read and write, before the umask
LEFT_S = 86_400.0  # what nobody has written to for so long was left by a process that was killed


@contextmanager
def replacing(path: Path, *, mode: int = ANYBODY, lasting: bool = False) -> Iterator[Path]:
    """An empty file beside ``path`` to write into, which then takes its place; after an error nothing has changed.

    Several processes may do so at the same time: one of their files stays. A ``lasting`` file is there after a loss of
    power as well.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}.part")
    if path.exists() and not lasting:  # written again and again; to look around each of many new ones would cost
        _remove_what_was_left(path)
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
    try:
        yield part
        if lasting:
            sync(part)
        part.replace(path)
        if lasting:
            sync(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _remove_what_was_left(path: Path) -> None:
    for part in path.parent.glob(f"{glob.escape(path.name)}.*.part"):
        with suppress(FileNotFoundError):
            if time.time() - part.stat().st_mtime > LEFT_S:
                part.unlink()


def sync(path: Path) -> None:
    """Make what a file holds, or the names in a folder, outlive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
