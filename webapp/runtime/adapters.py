"""Agents that learned for one listener, below ``KALLOS_HOME/agents``: gone when the listener is."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import uuid
from pathlib import Path

HEARD = "heard"  # in the folder of an agent that came to its end


class Adapters:
    """A folder for each listener, which holds the agent that learned last (``run``) and the one that is ``kept``."""

    def __init__(self, home: Path) -> None:
        self.home = home / "agents"

    def begin(self, listener_id: uuid.UUID) -> Path:
        """An empty folder for a training, in place of the last one's."""
        run = self.run(listener_id)
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir(parents=True, mode=0o700)
        return run

    def run(self, listener_id: uuid.UUID) -> Path:
        """Where the agent lies that learned last for this listener, if one did."""
        return self._of(listener_id) / "run"

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

    def forget(self, listener_id: uuid.UUID) -> None:
        """Delete every adapter of this listener; a training that still goes on has nowhere to write any more."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._of(listener_id))

    def _of(self, listener_id: uuid.UUID) -> Path:
        return self.home / hashlib.sha256(listener_id.bytes).hexdigest()[:32]
