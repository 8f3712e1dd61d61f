"""The process in which the tension model listens: torch, and whatever a file does to a reader, end with it.

``python -m webapp.tension.hearing_process FOLDER`` hears the files ``FOLDER/0``, ``FOLDER/1``, … that
``FOLDER/names.json`` names, and writes ``FOLDER/heard.json``.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import torch

from models.music.notes import MusicError
from models.tension.checkpoint import load_tension
from models.tension.hearing import curves
from webapp.studio.uploads import read

MEMORY_BYTES = 6 << 30  # of addresses: torch takes most of them without using them
CPU_SECONDS = 140


def main(folder: Path) -> None:
    """See the module docstring."""
    torch.set_num_threads(1)
    bundle = load_tension()
    found = []
    for number, name in enumerate(json.loads((folder / "names.json").read_text(encoding="utf-8"))):
        try:
            piece = read((folder / str(number)).read_bytes(), name)
            found.append({"name": name, "curves": curves(bundle, piece).to_json()})
        except MusicError as error:
            found.append({"name": name, "problem": f"“{name}” can't be heard: {error}"})
    (folder / "heard.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    main(Path(sys.argv[1]))
