"""The process that sets a film to music: torch, FFmpeg and whatever a file does to them end with it.

``python -m webapp.film.scoring_process FOLDER WAY SEED LONGEST_S STYLE_FOLDER MOST_S`` reads the files in
``FOLDER/sources`` and writes ``film.mp4``, ``film.mid`` and ``film.wav`` beside them. Each line of its output is JSON:
how far it is, and at last what was made, or what is wrong with the film.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.picture.film import FilmError
from webapp.film import making

MEMORY_BYTES = 8 << 30  # of addresses: torch takes most of them without using them
FILE_BYTES = 200_000_000  # that a file may grow to
NICE = 10  # votes come first
EVERY_S = 0.3  # between two lines about one stage


def main(folder: Path, way: str, seed: int, longest_s: float, style_folder: Path) -> None:
    """See the module docstring."""
    said = ("", 0.0)

    def tell(stage: str, share: float) -> None:
        nonlocal said
        if stage != said[0] or time.monotonic() - said[1] > EVERY_S:
            said = (stage, time.monotonic())
            _print({"stage": stage, "share": round(share, 3)})

    try:
        made = making.make(
            sorted((folder / "sources").iterdir()), folder, style_folder, way=way, seed=seed, longest_s=longest_s,
            progress=tell,
        )  # fmt: skip
    except (FilmError, ValueError) as error:
        _print({"problem": str(error)})
        return
    _print({"made": asdict(made)})


def _print(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    os.nice(NICE)
    signal.alarm(int(sys.argv[6]))
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), Path(sys.argv[5]))
