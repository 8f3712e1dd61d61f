"""Files that are one listener's and gone when the listener is: downloads, agents that learned for them, dreams."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import shutil
import time
import uuid
from pathlib import Path
from typing import ClassVar

from models.music.files import replacing
from webapp.runtime.errors import NotReady
from webapp.runtime.limits import FOLDER_BYTES

KEPT_S = 3_600
MOST_OF_ONE = 250_000_000  # bytes of one listener
FILM_WITH_SOUND = 100_000_000  # bytes that it has at most, with what it was made of
HEARD = "heard"  # in the folder of a run that came to its end
NAMES = ("dream", "trail")


def _files_in(folder: Path) -> list[tuple[Path, int, float]]:
    """Each file below ``folder`` with its bytes and when it was written."""
    found = []
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # deleted just now
            if path.is_file():
                about = path.stat()
                found.append((path, about.st_size, about.st_mtime))
    return found


class _OfListeners:
    """A folder for each listener below ``home``; its name tells nobody whose it is."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def forget(self, listener_id: uuid.UUID) -> None:
        """Delete every file of this listener; what still goes on for them has nowhere to write any more."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._of(listener_id))

    def clear(self) -> None:
        """Delete folders into which nothing was written for as long as files are kept."""
        oldest = time.time() - KEPT_S
        for folder in (*self.home.glob("*/*"), *self.home.glob("*")):
            with contextlib.suppress(FileNotFoundError):  # deleted just now
                if folder.is_dir() and folder.stat().st_mtime < oldest:
                    shutil.rmtree(folder, ignore_errors=True)

    def _of(self, listener_id: uuid.UUID) -> Path:
        return self.home / hashlib.sha256(listener_id.bytes).hexdigest()[:32]


class LongRuns(_OfListeners):
    """What took minutes to make for a listener, below ``KALLOS_HOME/NAME``: the last one is in ``run``."""

    name: ClassVar[str]

    def __init__(self, home: Path) -> None:
        super().__init__(home / self.name)

    def begin(self, listener_id: uuid.UUID) -> Path:
        """An empty folder for a run, in place of the last one's."""
        run = self.run(listener_id)
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir(parents=True, mode=0o700)
        return run

    def run(self, listener_id: uuid.UUID) -> Path:
        """Where the last one of this listener lies, if there is one."""
        return self._of(listener_id) / "run"


class Downloads(_OfListeners):
    """The folder from which files are downloaded and into which files are uploaded."""

    def __init__(self, home: Path) -> None:
        super().__init__(home / "cache" / "gradio")

    def write(self, listener_id: uuid.UUID, name: str, data: bytes) -> Path:
        """Write a file into a ``folder`` of its own; where it lies."""
        path = self.folder(listener_id, len(data)) / name
        path.write_bytes(data)
        return path

    def folder(self, listener_id: uuid.UUID, size: int) -> Path:
        """A new folder under an address that nobody can guess, with room for so many bytes.

        The oldest files of this listener go where there would be more than ``MOST_OF_ONE`` bytes. Raises ``NotReady``
        where there is no room.
        """
        own = sorted(_files_in(self._of(listener_id)), key=lambda each: each[2])
        room = MOST_OF_ONE - size - sum(length for _, length, _ in own)
        for path, length, _ in own:
            if room >= 0:
                break
            shutil.rmtree(path.parent, ignore_errors=True)
            room += length
        if sum(length for _, length, _ in _files_in(self.home)) + size > FOLDER_BYTES:
            raise NotReady("there is no room for more files just now; try again in an hour")
        folder = self._of(listener_id) / secrets.token_urlsafe(16)
        folder.mkdir(parents=True, mode=0o700)
        return folder

    def take_upload(self, path: str, most_bytes: int) -> bytes:
        """What lies in an uploaded file, which is then deleted.

        Raises ``ValueError`` for a path outside the folder, and for a file of more than ``most_bytes``.
        """
        file = Path(path).resolve()
        if not file.is_relative_to(self.home.resolve()) or not file.is_file():
            raise ValueError("this file was not uploaded; upload it with gradio_client.handle_file")
        try:
            if file.stat().st_size > most_bytes:
                raise ValueError(f"the file is too large; at most {most_bytes >> 20} MiB are allowed")
            return file.read_bytes()
        finally:
            file.unlink(missing_ok=True)


class Adapters(LongRuns):
    """Agents that learned for one listener: the last one (``run``) and the one that is ``kept``."""

    name = "agents"

    def keep(self, listener_id: uuid.UUID) -> bool:
        """Keep the adapter that was trained last in place of the one before; whether there is one."""
        trained, kept = self.run(listener_id) / "bundle", self.kept(listener_id)
        if not (trained / "card.json").is_file():
            return (kept / "card.json").is_file()
        shutil.rmtree(kept, ignore_errors=True)
        trained.rename(kept)
        return True

    def kept(self, listener_id: uuid.UUID) -> Path:
        """Where the adapter lies that this listener kept, if they did."""
        return self._of(listener_id) / "kept"

    def keeps(self, listener_id: uuid.UUID) -> bool:
        """Whether this listener keeps one."""
        return self.kept(listener_id).is_dir()


class StudyClips(LongRuns):
    """What a study's clips are made in, by the id of the study; the clips are stored elsewhere."""

    name = "cache/studies"


class KeptDreams(LongRuns):
    """The dreams of a listener: the last one (``run``), and the one that is kept, two WAV files each."""

    name = "dreams"

    def dreamt(self, listener_id: uuid.UUID) -> tuple[bytes, bytes] | None:
        """The last dream and its trail, if it came to its end."""
        return _read(self.run(listener_id) / HEARD)

    def keep(self, listener_id: uuid.UUID) -> bool:
        """Keep the last dream in place of the one before; whether it came to its end."""
        found, folder = self.dreamt(listener_id), self._of(listener_id)
        for name, wav in zip(NAMES, found or (), strict=False):
            with replacing(folder / f"{name}.wav") as part:
                part.write_bytes(wav)
        return found is not None

    def kept(self, listener_id: uuid.UUID) -> tuple[bytes, bytes] | None:
        """The dream and its trail, if this listener keeps one."""
        return _read(self._of(listener_id))

    def keeps(self, listener_id: uuid.UUID) -> bool:
        """Whether this listener keeps one."""
        return all((self._of(listener_id) / f"{name}.wav").is_file() for name in NAMES)


def _read(folder: Path) -> tuple[bytes, bytes] | None:
    try:
        dream, trail = ((folder / f"{name}.wav").read_bytes() for name in NAMES)
    except FileNotFoundError:
        return None
    return dream, trail
