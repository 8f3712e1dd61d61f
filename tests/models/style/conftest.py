"""Random small tunes on the grid, and one tiny composer for all tests here."""

from collections.abc import Callable

import numpy as np
import pytest

from models.music.notes import Piece
from models.music.tokens import on_grid
from models.style.checkpoint import tiny_style
from models.style.compose import Composer


def make_tune(seed: int = 0, *, bars: int = 8, meter: tuple[int, int] = (4, 4), domain: str = "dance") -> Piece:
    """Three to six notes a bar between MIDI 48 and 83, durations and velocities at random."""
    rng = np.random.default_rng(seed)
    length = 96 * meter[0] // meter[1]
    rows = [
        (bar * length + int(place), int(rng.integers(1, 25)) * 2, int(rng.integers(48, 84)), int(rng.integers(30, 110)))
        for bar in range(bars)
        for place in rng.choice(np.arange(0, length, 4), size=rng.integers(3, 7), replace=False)
    ]
    table = np.array([(bar * length, length, *meter) for bar in range(bars)])
    tempo = np.full(bars, rng.uniform(60, 180))
    return on_grid(Piece(np.array(rows), table, tempo, domain=domain, source="made", piece_id=str(seed)))


@pytest.fixture(scope="session")
def tune() -> Callable[..., Piece]:
    return make_tune


@pytest.fixture(scope="session")
def composer() -> Composer:
    return Composer(tiny_style())
