"""Excerpts of real music as they are measured: so many bars from where a phrase may begin."""

from __future__ import annotations

from collections.abc import Sequence

from models.music.notes import Domain, MusicError, Piece
from models.style.evaluation.excerpts import Excerpts, real_excerpts, regular
from models.tension.score import Ears, Measured

BARS = {"pop": 16, "dance": 16, "chorale": 8}


def excerpts(pieces: Sequence[Piece], domain: str, *, limit: int, seed: int) -> Excerpts:
    """Up to ``limit`` excerpts of a domain, as few a piece as possible."""
    own = regular(piece for piece in pieces if piece.domain == domain)
    return real_excerpts(own, BARS[domain], limit, seed)


def measured(ears: Ears, pieces: Sequence[Piece], domain: Domain | str, *, limit: int, seed: int) -> list[Measured]:
    """What is measured on them; those that can't be heard are left out."""
    found = []
    for piece in excerpts(pieces, str(domain), limit=limit, seed=seed).pieces:
        try:
            found.append(ears.measure(piece))
        except MusicError:
            continue
    return found
