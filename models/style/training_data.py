"""The music of a training run: what it trains on and what it holds out, noted in the run's folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.experiments.dataset import piece_name, training_pieces
from models.music.grouping import group_ids, split
from models.music.notes import MusicError, Piece
from models.style.windows import WindowSet, make_windows


@dataclass(frozen=True)
class RunMusic:
    """The pieces that a run trains on, their windows, and windows of songs that it doesn't train on."""

    pieces: list[Piece]
    windows: WindowSet
    held_out: WindowSet


def run_music(data: Path | None, out: Path, *, again: bool) -> RunMusic:
    """The music of the run in ``out``: split now and noted in ``out/split.json``, or as noted there (``again``).

    So a run that is taken up later never trains on what it held out, whatever became of the corpora in between.
    Raises ``MusicError`` where nothing can be trained on.
    """
    pieces, record = training_pieces(data), out / "split.json"
    if again and record.exists():
        names = {part: set(found) for part, found in json.loads(record.read_text(encoding="utf-8")).items()}
        missing = set().union(*names.values()) - {piece_name(p) for p in pieces}
        if missing:
            raise MusicError(
                f"{len(missing)} pieces of this run are not there now, such as {min(missing)}; give --data or "
                "KALLOS_CORPORA as before, or begin another run"
            )
        parts = {part: [p for p in pieces if piece_name(p) in found] for part, found in names.items()}
    else:
        parts = split(pieces, seed=0) if data is None else own_parts(pieces)
        text = json.dumps({part: [piece_name(p) for p in found] for part, found in parts.items()})
        record.write_text(text + "\n", encoding="utf-8")
    windows = make_windows(parts["train"])
    held_out = _first_windows([parts["validation"], parts["test"]])
    if data is not None:
        kept = f"{len(held_out.pieces)} held out" if held_out else "none held out: figures are of what is trained on"
        print(f"{len(parts['train'])} pieces with {len(windows)} windows of eight bars to train on, {kept}")
    return RunMusic(parts["train"], windows, held_out or windows)


def own_parts(pieces: list[Piece]) -> dict[str, list[Piece]]:
    """The split of a folder, of which some is trained on and some held out even where it holds two tunes only.

    One tune is all trained on. A split that came with the music stays. Raises ``MusicError`` where nothing is usable.
    """
    windows = make_windows(pieces)
    usable = [windows.pieces[index] for index in np.unique(windows.piece)]
    ids = {piece_name(piece) for piece in usable}
    usable = [piece for piece in pieces if piece_name(piece) in ids]
    if left := len(pieces) - len(usable):
        print(f"{left} of {len(pieces)} pieces have no eight whole bars to train on and are left out")
    parts = split(usable, seed=0)
    if (parts["train"] and len(parts["train"]) < len(usable)) or any("split" in piece.extra for piece in usable):
        return parts
    groups = group_ids(usable)
    by_size = sorted(set(groups), key=lambda name: (sum(len(p.bars) for p in _of(name, groups, usable)), name))
    held_out = by_size[: min(len(by_size) - 1, max(1, len(by_size) // 10))]  # the shortest: little is lost to training
    chosen = {name: "test" if name in held_out else "train" for name in by_size}
    parts = {part: [] for part in parts}
    for name, piece in zip(groups, usable, strict=True):
        parts[chosen[name]].append(piece)
    return parts


def _of(name: str, groups: Sequence[str], pieces: Sequence[Piece]) -> list[Piece]:
    return [piece for group, piece in zip(groups, pieces, strict=True) if group == name]


def _first_windows(parts: Sequence[Sequence[Piece]]) -> WindowSet | None:
    """Windows of the first part that has any; a few tunes may leave a part without."""
    for pieces in parts:
        try:
            return make_windows(pieces)
        except MusicError:
            continue
    return None
