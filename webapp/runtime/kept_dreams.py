"""The dreams of a listener, below ``KALLOS_HOME/dreams``: gone when the listener is."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import uuid
from pathlib import Path

NAMES = ("dream", "trail")
HEARD = "heard"  # in the folder of a dream that came to its end


class KeptDreams:
    """A folder for each listener who dreams: the last dream (``run``), and the one that is kept, two WAV files each."""

    def __init__(self, home: Path) -> None:
        self.home = home / "dreams"

    def begin(self, listener_id: uuid.UUID) -> Path:
        """An empty folder for a dream, in place of the last one's."""
        run = self.run(listener_id)
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir(parents=True, mode=0o700)
        return run

    def run(self, listener_id: uuid.UUID) -> Path:
        """Where the listener's last dream lies, if they have dreamt."""
        return self._of(listener_id) / "run"

    def dreamt(self, listener_id: uuid.UUID) -> tuple[bytes, bytes] | None:
        """The last dream and its trail, if it came to its end."""
        return _read(self.run(listener_id) / HEARD)

    def keep(self, listener_id: uuid.UUID) -> bool:
        """Keep the last dream in place of the one before; whether it came to its end."""
        found, folder = self.dreamt(listener_id), self._of(listener_id)
        for name, wav in zip(NAMES, found or (), strict=False):
            part = folder / f"{name}.part"
            part.write_bytes(wav)
            part.replace(folder / f"{name}.wav")
        return found is not None

    def kept(self, listener_id: uuid.UUID) -> tuple[bytes, bytes] | None:
        """The dream and its trail, if this listener keeps one."""
        return _read(self._of(listener_id))

    def forget(self, listener_id: uuid.UUID) -> None:
        """Delete every dream of this listener; one that still goes on has nowhere to write any more."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._of(listener_id))

    def _of(self, listener_id: uuid.UUID) -> Path:
        return self.home / hashlib.sha256(listener_id.bytes).hexdigest()[:32]


def _read(folder: Path) -> tuple[bytes, bytes] | None:
    try:
        dream, trail = ((folder / f"{name}.wav").read_bytes() for name in NAMES)
    except FileNotFoundError:
        return None
    return dream, trail
