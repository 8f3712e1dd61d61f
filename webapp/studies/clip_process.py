"""The process that makes a study's clips: torch, decoders and whatever a file does to them end with it.

``python -m webapp.studies.clip_process FOLDER MOST_S`` reads ``task.json`` in ``FOLDER`` and writes the clips beside
it. Each line of its output is JSON: how far it is, or what is wrong.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

from webapp.composing.offline import NothingComposedError
from webapp.studies.clip_making import make
from webapp.studies.clip_task import Task
from webapp.studies.sources import SourceError

MEMORY_BYTES = 8 << 30  # of addresses: torch takes most of them without using them
FILE_BYTES = 200_000_000  # that a file may grow to
NICE = 10  # participants come first
EVERY_S = 0.3  # between two lines about one stage


def main(folder: Path) -> None:
    """See the module docstring."""
    said = ("", 0.0)

    def tell(stage: str, share: float) -> None:
        nonlocal said
        if stage != said[0] or time.monotonic() - said[1] > EVERY_S:
            said = (stage, time.monotonic())
            _print({"stage": stage, "share": round(share, 3)})

    try:
        make(Task(**json.loads((folder / "task.json").read_text(encoding="utf-8"))), folder, tell)
    except (SourceError, NothingComposedError) as error:
        _print({"problem": str(error)})
        return
    _print({"made": True})


def _print(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    os.nice(NICE)
    signal.alarm(int(sys.argv[2]))
    main(Path(sys.argv[1]))
