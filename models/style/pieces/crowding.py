"""How crowded music is: notes a bar, over the four bars that have most of them.

A model that hears many notes goes on with many, so one unlikely chord can lead to five notes on each sixteenth to the
end of a piece. What is more crowded than nearly all real music of its kind is given up and begun anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.music.notes import MusicError, Piece
from models.music.tokens import BAR, POSITION, TokenArray
from models.style.pieces.data import regular_tokens

TOGETHER = 4  # bars
SHARE = 0.97  # of real pieces, which are less crowded


def crowding(tokens: TokenArray) -> float:
    """Notes a bar in the most crowded ``TOGETHER`` bars of tokens ``(steps, 7)``, or in all where they are fewer."""
    is_bar = tokens[:, POSITION] == BAR
    notes = np.bincount(np.cumsum(is_bar)[tokens[:, POSITION] < BAR], minlength=int(is_bar.sum()) + 1)[1:]
    together = min(TOGETHER, len(notes))
    return float(np.convolve(notes, np.ones(together) / together, "valid").max()) if together else 0.0


def usually_at_most(pieces: Sequence[Piece]) -> float | None:
    """What ``SHARE`` of these pieces don't exceed; None where none has a note."""
    found = []
    for piece in pieces:
        try:
            found.append(crowding(regular_tokens(piece)))
        except MusicError:
            continue
    return round(float(np.quantile(found, SHARE)), 1) if found else None
