from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from models.music.notes import Piece
from models.music.tokens import BAR, POSITION
from models.style.checkpoint import tiny_style
from models.style.pieces.model import tiny_pieces
from models.tension.reading import Read, read


def scales(number: int, bars: int = 12) -> Piece:
    """Scales of a key a number gives, slow or fast."""
    rng = np.random.default_rng(number)
    fast = number % 2
    each = 24 // (1 + fast)
    scale = (60 + number % 5 + np.array([0, 2, 4, 5, 7, 9, 11, 12]))[rng.integers(8, size=bars * 96 // each)]
    notes = [(each * place, each, int(pitch), 80) for place, pitch in enumerate(scale)]
    grid = [(96 * bar, 96, 4, 4) for bar in range(bars)]
    name = ("oneills1850", "cre")[fast]
    return Piece(
        np.array(notes), np.array(grid), np.full(bars, 120.0), domain="dance", source=name, piece_id=str(number)
    )


@pytest.fixture(scope="package")
def parts() -> dict[str, list[Read]]:
    model, style = tiny_pieces().model, tiny_style().model

    def moods(tokens):
        return np.full((int((tokens[:, POSITION] == BAR).sum()), 2), np.nan)

    pieces = [read(model, style, moods, scales(number)) for number in range(60)]
    return {"train": pieces[:40], "validation": pieces[40:50], "test": pieces[50:]}


@pytest.fixture(scope="package")
def tune() -> Callable[..., Piece]:
    """``tune(number, bars=12)``: one of the pieces of ``parts``."""
    return scales
