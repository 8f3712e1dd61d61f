"""Files that one listener asked for, kept for an hour below ``KALLOS_HOME/cache`` and gone when the listener is."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import shutil
import time
import uuid
from pathlib import Path

from webapp.runtime.errors import NotReady
from webapp.runtime.limits import FOLDER_BYTES

KEPT_S = 3_600
MOST_OF_ONE = 250_000_000  # bytes of one listener: a film with its sound has some 100 MB at most


def _files_in(folder: Path) -> list[tuple[Path, int, float]]:
    """Each file below ``folder`` with its bytes and when it was written."""
    found = []
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # deleted just now
            if path.is_file():
                about = path.stat()
                found.append((path, about.st_size, about.st_mtime))
    return found


class Downloads:
    """The folder from which files are downloaded and into which files are uploaded."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "cache" / "gradio"

    def write(self, listener_id: uuid.UUID, name: str, data: bytes) -> Path:
        """Write a file under an address that nobody can guess; where it lies.

        The oldest of this listener go where there would be more than ``MOST_OF_ONE`` bytes. Raises ``NotReady`` where
        there is no room.
        """
        own = sorted(_files_in(self._of(listener_id)), key=lambda each: each[2])
        room = MOST_OF_ONE - len(data) - sum(size for _, size, _ in own)
        for path, size, _ in own:
            if room >= 0:
                break
            shutil.rmtree(path.parent, ignore_errors=True)
            room += size
        if sum(size for _, size, _ in _files_in(self.folder)) + len(data) > FOLDER_BYTES:
            raise NotReady("there is no room for more files just now; try again in an hour")
        folder = self._of(listener_id) / secrets.token_urlsafe(16)
        folder.mkdir(parents=True, mode=0o700)
        path = folder / name
        path.write_bytes(data)
        return path

    def take_upload(self, path: str, most_bytes: int) -> bytes:
        """What lies in an uploaded file, which is then deleted.

        Raises ``ValueError`` for a path outside the folder, and for a file of more than ``most_bytes``.
        """
        file = Path(path).resolve()
        if not file.is_relative_to(self.folder.resolve()) or not file.is_file():
            raise ValueError("this file was not uploaded; upload it with gradio_client.handle_file")
        try:
            if file.stat().st_size > most_bytes:
                raise ValueError(f"the file is too large; at most {most_bytes >> 20} MiB are allowed")
            return file.read_bytes()
        finally:
            file.unlink(missing_ok=True)

    def forget(self, listener_id: uuid.UUID) -> None:
        """Delete every file of this listener."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._of(listener_id))

    def clear(self) -> None:
        """Delete what an earlier process left behind longer ago than files are kept."""
        oldest = time.time() - KEPT_S
        for folder in self.folder.glob("*"):
            if folder.is_dir() and folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)

    def _of(self, listener_id: uuid.UUID) -> Path:
        return self.folder / hashlib.sha256(listener_id.bytes).hexdigest()[:32]
