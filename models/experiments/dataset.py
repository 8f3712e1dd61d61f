"""The music that a command works on: the corpora that are there, or a folder of MIDI and ABC files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from models.experiments.unsaid import likely_domain, neutral
from models.music import corpora
from models.music.folder import METADATA, read_folder
from models.music.notes import MusicError, Piece

CORPORA = ("pop1k7", "oneills1850", "ryansMammoth", "airdsAirs", "cre", "bachChorales")


def training_pieces(data: Path | None) -> list[Piece]:
    """All corpora that are available, or a folder of MIDI and ABC files; every piece has a domain."""
    if data is None:
        there = corpora.registry()
        return [piece for name in CORPORA if there[name].available for piece in corpora.load(name)]
    loaded = read_folder(data, of_midi=neutral)
    if not loaded.pieces:
        name, reason = next(iter(loaded.broken.items()))
        raise MusicError(f"none of the {len(loaded.broken)} files in {data} can be read, such as {name}: {reason}")
    for name, reason in loaded.broken.items():
        print(f"{name}: {reason}" if name == METADATA else f"{name} can't be read and is left out: {reason}")
    if odd := [piece for piece in loaded.pieces if "remarks" in piece.extra]:
        print(
            f"{len(odd)} files say things wrongly or not at all, such as {odd[0].piece_id}: {odd[0].extra['remarks']}"
        )
    return [p if p.domain else replace(p, domain=likely_domain(p)) for p in loaded.pieces]


def piece_name(piece: Piece) -> str:
    """A piece's name over all corpora."""
    return f"{piece.source}/{piece.piece_id}"
