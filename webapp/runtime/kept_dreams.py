"""The dream that a listener keeps, below ``KALLOS_HOME/dreams``: gone when the listener is."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import uuid
from pathlib import Path

NAMES = ("dream", "trail")


class KeptDreams:
    """A folder for each listener who keeps a dream: what it ended with and its trail, two WAV files."""

    def __init__(self, home: Path) -> None:
        self.home = home / "dreams"

    def keep(self, listener_id: uuid.UUID, dream: bytes, trail: bytes) -> None:
        """Keep a dream in place of the one before."""
        folder = self._of(listener_id)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, wav in zip(NAMES, (dream, trail), strict=True):
            part = folder / f"{name}.part"
            part.write_bytes(wav)
            part.replace(folder / f"{name}.wav")

    def kept(self, listener_id: uuid.UUID) -> tuple[bytes, bytes] | None:
        """The dream and its trail, if this listener keeps one."""
        try:
            dream, trail = ((self._of(listener_id) / f"{name}.wav").read_bytes() for name in NAMES)
        except FileNotFoundError:
            return None
        return dream, trail

    def forget(self, listener_id: uuid.UUID) -> None:
        """Delete what this listener keeps."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._of(listener_id))

    def _of(self, listener_id: uuid.UUID) -> Path:
        return self.home / hashlib.sha256(listener_id.bytes).hexdigest()[:32]
