"""Which processes a test has started."""

from __future__ import annotations

from contextlib import suppress

import psutil


def running(words: str, of: int | None = None) -> list[psutil.Process]:
    """Those below process ``of``, or below this one, whose command line holds ``words``."""
    found = []
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(of).children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # it ended meanwhile
                found += [child] if words in " ".join(child.cmdline()) else []
    return found
