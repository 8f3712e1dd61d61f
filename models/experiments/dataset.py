"""The music that a command works on: the corpora that are there, or a folder of MIDI and ABC files.

Notes from elsewhere often have one loudness throughout and a tempo that a program left at 120: many programs export
every note with a velocity of 64, 80, 90, 100 or 127, and write 120 quarters a minute where nobody chose a tempo. To
models that learned from music with accents and tempi these are extreme values, where they are none. ``neutral`` makes
them what our own readers give to scores that are silent about them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from models.metrics.music_statistics import attributes
from models.metrics.voice_leading import voice_leading
from models.music import corpora
from models.music.corpora import chorale_tempo_bpm, chorale_velocity
from models.music.dance_types import accents, default_tempo_bpm
from models.music.folder import METADATA, read_folder
from models.music.notes import TICKS_PER_QUARTER, Domain, IntArray, MusicError, Piece, in_melody

CORPORA = ("pop1k7", "oneills1850", "ryansMammoth", "airdsAirs", "cre", "bachChorales")

FEWEST_NOTES = 8  # notes: of fewer, equal velocities may be meant
FLAT_SHARE = 0.98  # of the notes with one velocity: an accent here and there says nothing of the rest
LEFT_BPM = 120.0
POP_BPM = 104.0  # the median of Pop1K7
SIXTEENTH, TRIPLET = TICKS_PER_QUARTER // 4, TICKS_PER_QUARTER // 3
LOOSE = 0.2  # share of onsets beside sixteenths and triplets from which on timing is a player's, and not written
# A folder's pieces with fewer notes an onset are taken for dance tunes, those with four notes on more of their beats
# for chorales (of 174 real ones the least has .69, of 241 of pop the most .44), others for pop
ONE_VOICE, FOUR_VOICES = 1.1, 0.56
EQUALLY_LOUD = "its notes are equally loud, which is no loudness that anybody chose: they were read with accents"
LEFT_TEMPO = "its tempo is the 120 of a program that was given none: {:.0f} quarters a minute were read"


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


def neutral(piece: Piece) -> Piece:
    """The piece with accents and a tempo of its kind where its own say nothing; what was changed is in its remarks."""
    domain = piece.domain or likely_domain(piece)
    remarks = [piece.extra["remarks"]] if "remarks" in piece.extra else []
    if is_flat(piece):
        piece = replace(piece, notes=_accented(piece, domain))
        remarks.append(EQUALLY_LOUD)
    if is_left(piece):
        bpm = _usual_tempo(piece, domain)
        piece = replace(piece, tempo_bpm=np.full(len(piece.bars), bpm, dtype=np.float32))
        remarks.append(LEFT_TEMPO.format(bpm))
    return replace(piece, extra={**piece.extra, "remarks": "; ".join(remarks)}) if remarks else piece


def likely_domain(piece: Piece) -> Domain:
    """What a piece that nobody has labelled is taken for, by how many voices it has: a tune, a chorale, or else pop."""
    if attributes(piece)["notes_per_onset"] < ONE_VOICE:
        return "dance"
    beats = max(1, piece.end_tick // TICKS_PER_QUARTER)
    return "chorale" if voice_leading(piece).four / beats > FOUR_VOICES else "pop"


def is_flat(piece: Piece) -> bool:
    """Whether its velocities say nothing: nearly all are the same."""
    if len(piece.notes) < FEWEST_NOTES:
        return False
    return float(np.unique(piece.notes[:, 3], return_counts=True)[1].max()) >= FLAT_SHARE * len(piece.notes)


def is_left(piece: Piece) -> bool:
    """Whether its tempo is what programs write where they were given none; music that was played has its own."""
    return len(piece.notes) > 0 and bool(np.allclose(piece.tempo_bpm, LEFT_BPM, atol=0.01)) and not is_loose(piece)


def is_loose(piece: Piece) -> bool:
    """Whether it was played, and not written: many of its notes begin beside the beat's parts."""
    onsets = piece.notes[:, 0]
    return len(onsets) > 0 and float(((onsets % SIXTEENTH > 0) & (onsets % TRIPLET > 0)).mean()) > LOOSE


def _accented(piece: Piece, domain: Domain) -> IntArray:
    notes = piece.notes.copy()
    notes[:, 3] = accents(piece)
    if domain == "chorale":
        notes[:, 3] = chorale_velocity(notes[:, 3], soprano=in_melody(piece))
    return notes


def _usual_tempo(piece: Piece, domain: Domain) -> float:
    name = piece.titles[0] if piece.titles else piece.piece_id
    if domain == "chorale":
        return chorale_tempo_bpm(name)
    if domain == "pop":
        return POP_BPM
    numerator, denominator = piece.bars[0, 2:].tolist()
    return default_tempo_bpm(piece.genre, (numerator, denominator), name)
