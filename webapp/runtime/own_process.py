"""A module of ours in a process of its own: what it takes of memory, and torch, are gone when it ends."""

from __future__ import annotations

import logging
import subprocess
import sys

from webapp.runtime.errors import NotReady

log = logging.getLogger(__name__)
LAST_WORDS = 500  # characters of what it printed before it broke


def run(module: str, *arguments: str, seconds: float, late: str, broken: str) -> None:
    """Run ``module`` to its end; raises ``NotReady`` with ``late`` after so many ``seconds``, with ``broken`` else."""
    command = [sys.executable, "-m", module, *arguments]
    try:
        subprocess.run(command, capture_output=True, timeout=seconds, check=True)  # noqa: S603 (our own program)
    except subprocess.TimeoutExpired:
        raise NotReady(late) from None
    except subprocess.CalledProcessError as error:
        printed = error.stderr.decode(errors="replace")[-LAST_WORDS:]
        log.error("process_failed module=%s output=%s", module, printed)  # noqa: TRY400 (its trace is the output)
        raise NotReady(broken) from None
