"""The music that a command works on: the corpora that are there, or a folder of MIDI and ABC files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from models.metrics.music_statistics import attributes
from models.metrics.voice_leading import voice_leading
from models.music import corpora
from models.music.folder import METADATA, read_folder
from models.music.notes import TICKS_PER_QUARTER, Domain, MusicError, Piece

CORPORA = ("pop1k7", "oneills1850", "ryansMammoth", "airdsAirs", "cre", "bachChorales")
# A folder's pieces with fewer notes an onset are taken for dance tunes, those with four notes on more of their beats
# for chorales (of 174 real ones the least has .69, of 241 of pop the most .44), others for pop
ONE_VOICE, FOUR_VOICES = 1.1, 0.56


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
    """What a piece that nobody has labelled is taken for, by how many voices it has: a tune, a chorale, or else pop."""
    if attributes(piece)["notes_per_onset"] < ONE_VOICE:
        return "dance"
    beats = max(1, piece.end_tick // TICKS_PER_QUARTER)
    return "chorale" if voice_leading(piece).four / beats > FOUR_VOICES else "pop"


def piece_name(piece: Piece) -> str:
    """A piece's name over all corpora."""
    return f"{piece.source}/{piece.piece_id}"
