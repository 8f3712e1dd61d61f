"""Within a process that works on strangers' files: what it may take, and lines that say how far it is."""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from typing import Any

MEMORY_BYTES = 8 << 30  # of addresses: torch takes most of them without using them
FILE_BYTES = 200_000_000  # that a file may grow to
NICE = 10  # votes and participants come first
EVERY_S = 0.3  # between two lines about one stage


def bound(seconds: int) -> None:
    """From now on this process has so much memory and time, and yields to others."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    os.nice(NICE)
    signal.alarm(seconds)


def say(line: dict[str, Any]) -> None:
    """A line of output, JSON."""
    print(json.dumps(line), flush=True)


class Progress:
    """Says the stage and the share of it that is done, 0 to 1, every ``EVERY_S`` at most within a stage."""

    def __init__(self) -> None:
        self._stage, self._at = "", 0.0

    def __call__(self, stage: str, share: float) -> None:
        """So far it has come."""
        if stage != self._stage or time.monotonic() - self._at > EVERY_S:
            self._stage, self._at = stage, time.monotonic()
            say({"stage": stage, "share": round(share, 3)})
