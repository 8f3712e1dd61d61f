"""Where the last whole line of a file ends: a line that a crash has torn doesn't count."""

from __future__ import annotations

import os

BLOCK = 65_536


def end_of_last_line(descriptor: int, size: int | None = None) -> int:
    """Bytes up to and with the last newline (of the first ``size`` bytes)."""
    end = os.fstat(descriptor).st_size if size is None else size
    while end > 0:
        start = max(0, end - BLOCK)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
