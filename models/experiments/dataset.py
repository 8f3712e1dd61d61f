"""The music that a command works on: the corpora that are there, or a folder of MIDI and ABC files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from models.metrics.music_statistics import attributes
from models.music import corpora
from models.music.folder import METADATA, read_folder
from models.music.notes import Domain, MusicError, Piece

CORPORA = ("pop1k7", "oneills1850", "ryansMammoth", "airdsAirs", "cre", "bachChorales")
ONE_VOICE = 1.1  # notes an onset; a folder's pieces below it are taken for dance tunes, others for pop


def training_pieces(data: Path | None) -> list[Piece]:
    """All corpora that are available, or a folder of MIDI and ABC files; every piece has a domain."""
    if data is None:
        there = corpora.registry()
        return [piece for name in CORPORA if there[name].available for piece in corpora.load(name)]
    loaded = read_folder(data)
    if not loaded.pieces:
        name, reason = next(iter(loaded.broken.items()))
        raise MusicError(f"none of the {len(loaded.broken)} files in {data} can be read, such as {name}: {reason}")
    for name, reason in loaded.broken.items():
        print(f"{name}: {reason}" if name == METADATA else f"{name} can't be read and is left out: {reason}")
    return [p if p.domain else replace(p, domain=likely_domain(p)) for p in loaded.pieces]


def likely_domain(piece: Piece) -> Domain:
    """What a piece that nobody has labelled is taken for: a dance tune if it has one voice, else pop."""
    return "dance" if attributes(piece)["notes_per_onset"] < ONE_VOICE else "pop"


def piece_name(piece: Piece) -> str:
    """A piece's name over all corpora."""
    return f"{piece.source}/{piece.piece_id}"
