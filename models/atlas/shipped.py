"""Maps that come with the weights, made small: what every installation has already is not in them.

An excerpt of a collection that comes with music21 is named instead of written out, figures are rounded, and
only the neighbours that pages show are kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

import models
from models.atlas.neighbours import FloatArray, Neighbours
from models.atlas.points import DrawnMap, named, packed
from models.music import corpora, played
from models.music.notes import MusicError, Piece

FOLDER = Path(models.__file__).parent / "weights" / "maps"
LEVELS = 95  # of a rounded figure, on either side of 0
DECIMALS = 3  # of places and distances
NEIGHBOURS = 10
FIRST_BARS = 4  # an excerpt begins in one of them


def ship(maps: Mapping[str, DrawnMap], collections: Mapping[str, Piece], folder: Path) -> None:
    """Write maps by kind as they are shipped; ``collections``: the pieces that every installation has, by their id."""
    folder.mkdir(parents=True, exist_ok=True)
    names = _named(maps, collections)
    for kind, drawn in maps.items():
        points = drawn.points
        slim = replace(
            points,
            ids=tuple(_elsewhere(name) for name in points.ids),
            vectors=rounded(points.vectors),
            summaries=None if points.summaries is None else rounded(points.summaries),
            pieces=tuple(names.get(text, text) for text in points.pieces),
            tied=tuple(tuple(map(_elsewhere, each)) for each in points.tied),
        )
        near = drawn.neighbours
        kept = Neighbours(near.index[:, :NEIGHBOURS], np.round(near.distance[:, :NEIGHBOURS], DECIMALS))
        file = DrawnMap(slim, np.round(drawn.places, DECIMALS), kept, drawn.about).to_parquet()
        (folder / f"{kind}.parquet").write_bytes(file)


def every_installation_has() -> dict[str, Piece]:
    """The pieces that come with music21 and may be played, by their id."""
    names = [name for name in played.PLAYED if corpora.CORPORA[name].shipped]
    return {piece.piece_id: piece for name in names for piece in corpora.load(name)}


def shipped(kind: str, folder: Path = FOLDER) -> DrawnMap | None:
    """The map of a kind that came with the weights; None where none did."""
    path = folder / f"{kind}.parquet"
    return DrawnMap.from_parquet(path.read_bytes()) if path.is_file() else None


def rounded(matrix: FloatArray) -> FloatArray:
    """A matrix on a grid of ``2 * LEVELS + 1`` values, which Parquet keeps as numbers of a dictionary."""
    step = float(np.abs(matrix).max()) / LEVELS
    return (np.round(matrix / step) * step).astype(np.float32)


def _elsewhere(name: str) -> str:
    """A clip's id without a meaning: other installations have no such clip to open or to find again."""
    kind, _, rest = name.partition("/")
    return f"composed/{rest}" if kind == "clips" else name


def _named(maps: Mapping[str, DrawnMap], collections: Mapping[str, Piece]) -> dict[str, str]:
    """For the music of each point that a collection has (as ``Points.pieces`` keeps it), its name there."""
    found: dict[str, str] = {}
    for drawn in maps.values():
        for name, text in zip(drawn.points.ids, drawn.points.pieces, strict=True):
            whole = collections.get(name.removeprefix("tunes/"))
            if whole is not None and text not in found and (reference := _reference(whole, text)):
                found[text] = reference
    return found


def _reference(whole: Piece, text: str) -> str | None:
    """The name of an excerpt of a piece, where it is one from some bar on."""
    bars = len(json.loads(text)["bars"])
    for first in range(FIRST_BARS):
        try:
            if packed(whole.window(first, bars)) == text:
                return named(whole, first, bars)
        except MusicError:
            return None
    return None
