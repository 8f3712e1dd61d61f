"""The process that runs the tension model on uploaded files: torch, and whatever a file does to a reader, end with it.

``python -m webapp.tension.tension_process FOLDER`` scores the files ``FOLDER/0``, ``FOLDER/1``, … that
``FOLDER/names.json`` names, and writes ``FOLDER/heard.json``. Each tune of an ABC book is scored by itself.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from models.music.abc import titles_of, tune_piece
from models.music.notes import MusicError, Piece
from models.tension.score import curves, load_tension
from webapp.studio.uploads import heard, is_midi, tunes_of

MOST_PIECES = 24
LONGEST_NAME = 120
MEMORY_BYTES = 6 << 30  # of addresses: torch takes most of them without using them
CPU_SECONDS = 140


def main(folder: Path) -> None:
    """See the module docstring."""
    torch.set_num_threads(1)
    bundle = load_tension()
    names = json.loads((folder / "names.json").read_text(encoding="utf-8"))
    given = [each for number, name in enumerate(names) for each in pieces_of((folder / str(number)).read_bytes(), name)]
    found: list[dict[str, Any]] = []
    for name, read_it in given[:MOST_PIECES]:
        try:
            piece = read_it()
            found.append({"name": name, "curves": curves(bundle, piece).to_json(), "piece": piece.to_json()})
        except MusicError as error:
            found.append({"name": name, "problem": f"“{name}” can't be heard: {error}"})
    if len(given) > MOST_PIECES:
        problem = f"The files hold {len(given)} pieces; the first {MOST_PIECES} were heard"
        found.append({"name": given[MOST_PIECES][0], "problem": problem})
    (folder / "heard.json").write_text(json.dumps(found), encoding="utf-8")


def pieces_of(data: bytes, name: str) -> list[tuple[str, Callable[[], Piece]]]:
    """What a file holds, each with its name and how it is read: MIDI, one tune, or the tunes of a book."""
    try:
        tunes = [] if is_midi(data) else tunes_of(data, name)
    except MusicError:
        tunes = []  # whoever reads it hears why
    if len(tunes) < 2:
        return [(name, partial(heard, data, name))]
    return [
        (
            f"{name}: {next(iter(titles_of(tune)), f'tune {tune.number}')}"[:LONGEST_NAME],
            partial(tune_piece, tune, name),
        )
        for tune in tunes
    ]


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    main(Path(sys.argv[1]))
