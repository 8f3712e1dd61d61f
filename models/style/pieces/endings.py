"""Other last bars for a piece that doesn't close.

The piece model knows neither keys nor voices: three of ten pieces end on their tonic (of real ones six or seven), and
half of the chorales in a cadence (nearly all). Half of its pop comes to rest in its last bar, of real pop seven in ten.
What it would write in place of the last bars often does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from models.metrics.structure import comes_to_rest, ends_on_tonic
from models.metrics.voice_leading import ends_in_cadence, part_writing_faults
from models.music.notes import DOMAINS, Domain, Piece
from models.music.tokens import BAR, POSITION, TokenArray, from_tokens
from models.style.pieces.conditions import first_numbers
from models.style.pieces.model import PieceModel
from models.style.pieces.wishes import Place, Wishes
from models.style.pieces.writing import Writing

BARS = 2  # that are written again
# Endings of a piece that doesn't close. With so many, chorales end on their tonic as often as real ones; tunes do less
# often, and twice as many tries hardly help them
TRIED: Mapping[Domain, int] = {"pop": 4, "dance": 4, "chorale": 6}


def closing(piece: Piece, domain: Domain) -> tuple[bool, bool]:
    """How well it ends, more is better: a chorale in a cadence first of all; a chorale or a tune on its tonic.

    Pop ends in any harmony, and comes to rest.
    """
    if domain == "pop":
        return True, comes_to_rest(piece)
    return domain != "chorale" or ends_in_cadence(piece), ends_on_tonic(piece)


def closed(model: PieceModel, tokens: TokenArray, wishes: Wishes, seed: Sequence[int], place: Place | None) -> Piece:
    """The piece ``tokens`` ``(steps, 7)``, with another ending where one of those that are tried closes it better.

    ``wishes`` and ``place`` are those that it was written with.
    """
    piece, domain = from_tokens(tokens), DOMAINS[wishes.domain]
    bars = np.flatnonzero(tokens[:, POSITION] == BAR)
    own = closing(piece, domain)
    if len(bars) <= BARS or all(own):
        return piece
    last = len(bars) - 1 + int(first_numbers(tokens[bars[:1]])[0])
    tried = TRIED[domain]
    seeds = [(*seed, len(bars), number) for number in range(tried)]
    wishes = replace(wishes, last=last, most_crowded=np.inf)
    writing = Writing(model, wishes, seeds, tokens[: bars[-BARS]], [place] * tried if place else ())
    while not writing.ended.all():
        writing.step()
    found = [(closing(each, domain), -part_writing_faults(each), each) for each in map(from_tokens, writing.pieces())]
    how_well, _, best = max(found, key=lambda each: each[:2])
    return best if how_well > own else piece
