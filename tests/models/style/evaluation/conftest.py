"""What the parts of the evaluation are tested on: clips of real tunes, scales, a tiny model whose clips end soon."""

from dataclasses import replace

import numpy as np
import pytest

from models.music.corpora import load_folder
from models.music.notes import Piece
from models.style.checkpoint import tiny_style
from models.style.compose import Composer
from models.style.evaluation.clips import Clips, choose_clips
from models.style.windows import make_windows


@pytest.fixture(scope="module")
def clips(tunes) -> Clips:
    return choose_clips(make_windows([replace(p, domain="dance") for p in load_folder(tunes)]), 12, 0)


def scale(start: int, tempo: float, song: int) -> Piece:
    notes = np.array([[24 * i, 24, start + (i * (song + 2)) % 12, 60 + song] for i in range(16)])
    bars = np.array([[96 * i, 96, 4, 4] for i in range(4)])
    return Piece(notes, bars, np.full(4, tempo), domain="dance")


@pytest.fixture(scope="module")
def scales() -> Clips:
    pieces = [scale(48 + 3 * song, 80.0 + 10 * song, song) for song in range(4)]
    return Clips(pieces, [None] * 4, [str(song) for song in range(4)], ["dance"] * 4)


@pytest.fixture(scope="module")
def composer() -> Composer:
    return Composer(tiny_style())
