"""C and C++ libraries that complain on the process's stderr, kept quiet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send file descriptor 2 to nowhere inside the block; Python's own errors still arrive as exceptions."""
    try:
        kept = os.dup(2)
    except OSError:  # no stderr at all, as in a service without a console
        yield
        return
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)
