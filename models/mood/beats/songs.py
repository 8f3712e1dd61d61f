"""The performances whose beats are known: Pop1K7's, divided by song, or files as Pop1K7's in a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from models.mood.beats.performance import Performance, read_performance
from models.music import corpora
from models.music.grouping import part_of, split
from models.music.notes import MusicError

PERFORMED = "pop1k7"
HELD_OUT = {"test": 0.1}  # of the files of a folder
Files = dict[str, Path]


def divided(folder: Path | None) -> dict[str, Files]:
    """The files to train and to test on by name; raises ``MusicError`` where there are none."""
    parts: dict[str, Files] = {"train": {}, "test": {}}
    if folder is None:
        there = corpus_files()
        for part, pieces in split(corpora.load(PERFORMED), seed=0).items():
            if part in parts:
                parts[part] = {piece.piece_id: there[piece.piece_id] for piece in pieces}
    else:
        for path in sorted(folder.rglob("*.mid")):
            name = str(path.relative_to(folder))
            parts[part_of(name, 0, HELD_OUT)][name] = path
    if not parts["train"]:
        raise MusicError(f"{folder or PERFORMED} has no performances: MIDI files whose tempo map follows the beats")
    return parts


def corpus_files() -> Files:
    """Pop1K7's files by the names of the pieces; empty where the corpus is not there."""
    return {f"{PERFORMED}/{path.stem}": path for path in corpora.CORPORA[PERFORMED].files()}


def read_all(files: Iterable[tuple[str, Path]]) -> list[tuple[str, Performance]]:
    """Those that can be read, with their names; the others are left out with a line."""
    found = []
    for name, path in files:
        try:
            found.append((name, read_performance(path)))
        except MusicError as error:
            print(f"{name} is left out: {error}")
    return found
