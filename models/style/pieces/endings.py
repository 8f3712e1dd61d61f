"""Other last bars for a piece that doesn't close.

The piece model knows neither keys nor voices: four of ten dance tunes end on their tonic, and half of the chorales in a
cadence (of real ones seven, and nearly all). What it would write in place of the last bars often does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from models.metrics.structure import ends_on_tonic
from models.metrics.voice_leading import ends_in_cadence, part_writing_faults
from models.music.notes import DOMAINS, Domain, Piece
from models.music.tokens import BAR, POSITION, TokenArray, from_tokens
from models.style.pieces.conditions import first_numbers
from models.style.pieces.model import PieceModel
from models.style.pieces.wishes import Place, Wishes
from models.style.pieces.writing import Writing

BARS = 2  # that are written again
# Endings of a piece that doesn't close: with one more as many tunes as real ones end on their tonic
TRIED: Mapping[Domain, int] = {"dance": 1, "chorale": 6}


def closes(piece: Piece, domain: Domain) -> bool:
    """Whether it ends as pieces of its domain do: a chorale in a cadence, a tune on its tonic; pop as it likes."""
    if domain == "chorale":
        return ends_in_cadence(piece)
    return domain == "pop" or ends_on_tonic(piece)


def closed(model: PieceModel, tokens: TokenArray, wishes: Wishes, seed: Sequence[int], place: Place | None) -> Piece:
    """The piece ``tokens`` ``(steps, 7)``, with another ending where it doesn't close and one of those tried does.

    ``wishes`` and ``place`` are those that it was written with.
    """
    piece, domain = from_tokens(tokens), DOMAINS[wishes.domain]
    bars = np.flatnonzero(tokens[:, POSITION] == BAR)
    if len(bars) <= BARS or closes(piece, domain):
        return piece
    last = len(bars) - 1 + int(first_numbers(tokens[bars[:1]])[0])
    tried = TRIED[domain]
    seeds = [(*seed, len(bars), number) for number in range(tried)]
    writing = Writing(model, replace(wishes, last=last), seeds, tokens[: bars[-BARS]], [place] * tried if place else ())
    while not writing.ended.all():
        writing.step()
    found = [each for each in map(from_tokens, writing.pieces()) if closes(each, domain)]
    return min(found, key=part_writing_faults, default=piece)
