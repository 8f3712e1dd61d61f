from __future__ import annotations

import numpy as np
import pytest

from models.mood.judge import BARS_TOGETHER, Fifths, bar_moods, load_mood, with_moods
from models.music.notes import Domain, Piece
from models.music.tokens import to_tokens
from models.style.pieces.data import PieceSet


@pytest.fixture(scope="module")
def judge():
    return load_mood().first


def tune(seed: int, bars: int, domain: Domain = "pop") -> Piece:
    """A quaver after the other, in a register, a tempo and at a loudness of its own."""
    rng = np.random.default_rng(seed)
    onset = np.arange(0, 96 * bars, 12)
    pitch = rng.integers(40, 70) + rng.integers(0, 12, len(onset))
    velocity = rng.integers(30, 100) + rng.integers(0, 20, len(onset))
    notes = np.stack([onset, np.full(len(onset), 12), pitch, velocity], axis=1)
    grid = np.array([(96 * bar, 96, 4, 4) for bar in range(bars)])
    return Piece(notes, grid, np.full(bars, float(rng.integers(60, 160))), domain=domain)


def test_eight_bars_are_judged_as_one_and_silence_is_not(judge) -> None:
    piece = tune(3, bars=12)
    found = bar_moods(judge, to_tokens(piece))
    assert found.shape == (12, 2)
    assert len(np.unique(found[:BARS_TOGETHER], axis=0)) == 1
    said = judge.judge([piece.window(0, BARS_TOGETHER)])
    assert found[0] == pytest.approx([said.valence[0], said.arousal[0]], abs=0.05)  # tempo and loudness are tokens
    few = to_tokens(piece.window(0, 1))[:4]
    assert np.isnan(bar_moods(judge, few)).all()


def test_each_fifth_has_as_many_bars_and_what_is_unknown_is_not_told() -> None:
    rng = np.random.default_rng(0)
    moods = [rng.normal(size=(50, 2)) for _ in range(20)]
    fifths = Fifths.of(moods, np.zeros(20, dtype=np.int64))
    every = fifths.number(np.concatenate(moods), 0)
    assert np.bincount(every[:, 0])[1:] == pytest.approx([200] * 5, abs=2)
    assert np.array_equal(fifths.number(np.array([[np.nan, 9.0]]), 0), [[0, 5]])
    assert (fifths.number(np.zeros((3, 2)), 1) == 0).all()


def test_held_out_bars_are_measured_by_the_training_music(judge) -> None:
    train = PieceSet.of([tune(seed, bars=8, domain="dance") for seed in range(10)])
    other = PieceSet.of([tune(11, bars=8, domain="dance"), tune(12, bars=8, domain="pop")])
    told, held_out = with_moods(judge, train, [other])
    assert set(np.unique(told.moods)) <= {1, 2, 3, 4, 5}
    assert (held_out.moods[other.first[0] : other.first[1]] > 0).all()
    assert (held_out.moods[other.first[1] :] == 0).all()  # no pop piano was trained on
