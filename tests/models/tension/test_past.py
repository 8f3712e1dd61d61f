"""A piece's own bars are recognised among others like them, in whatever key, and never by which piece it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.music.notes import MusicError, Piece
from models.style.pieces.model import tiny_pieces
from models.tension.past import LEAST_HEARD, OTHERS, Bars, Others, Recogniser, bars_of, candidates, recognised
from models.tension.training import Preset, train

DIM, PIECES, EACH = 12, 30, 12


def library(seed: int = 0) -> Bars:
    """Pieces whose bars are alike within a piece: what was heard tells what comes."""
    rng = np.random.default_rng(seed)
    theme = rng.normal(size=(PIECES, DIM))
    piece = np.repeat(np.arange(PIECES), EACH)
    own = theme[piece] + 0.3 * rng.normal(size=(PIECES * EACH, DIM))
    heard = theme[piece] + 0.1 * rng.normal(size=own.shape)
    count = len(piece)
    return Bars(
        heard.astype(np.float32), own.astype(np.float32), piece, np.tile(np.arange(EACH), PIECES),
        np.zeros(count, dtype=np.int64), piece % 2, rng.integers(3, 6, count),
    )  # fmt: skip


def test_a_key_makes_no_difference() -> None:
    model = tiny_pieces().model
    scale = [60, 62, 64, 65, 67, 69, 71, 72, 67, 64, 60, 67]
    notes = [(24 * beat, 24, scale[beat % 12], 80) for beat in range(24)]
    grid = [(96 * bar, 96, 4, 4) for bar in range(6)]
    tune = Piece(np.array(notes), np.array(grid), np.full(6, 120.0), domain="dance")
    one, two = bars_of(model, tune), bars_of(model, tune.transposed(3))
    assert np.allclose(one.own, two.own, atol=1e-5)
    assert np.allclose(one.context, two.context, atol=1e-5)
    assert np.array_equal(one.density, two.density)


def test_others_have_the_same_meter_and_mode_and_are_of_other_pieces() -> None:
    bars = library()
    found = candidates(bars, bars, 5, same=True)
    assert (bars.minor[found] == bars.minor[5]).all()
    assert (bars.piece[found] != bars.piece[5]).all()
    apart = np.abs(bars.density - bars.density[5])[found]
    assert (np.diff(apart) >= 0).all()


@pytest.mark.slow
def test_what_can_be_recognised_is_learned_and_what_cannot_stays_at_chance() -> None:
    preset = Preset(PIECES, EACH, 150, 32, 0)
    _, found = train({"pop": library(0)}, {"pop": library(1)}, preset, inputs=DIM, seed=0)
    assert found["pop"] > -0.7
    rng = np.random.default_rng(2)
    lost = library(0)
    deaf = Bars(rng.permutation(lost.context), *(getattr(lost, name) for name in list(Bars.__dataclass_fields__)[1:]))
    _, guessed = train({"pop": deaf}, {"pop": deaf}, Preset(PIECES, EACH, 10, 32, 0), inputs=DIM, seed=0)
    assert guessed["pop"] < -2.0


def test_the_chance_is_that_of_one_draw_of_others() -> None:
    bars = library()
    torch.manual_seed(0)
    recogniser = Recogniser(DIM, 16).eval()
    pool = Others.of(recogniser, bars)
    value = recognised(recogniser, bars, pool, same=True)
    assert np.isnan(value[bars.number < LEAST_HEARD]).all()
    row = int(np.flatnonzero(bars.number >= LEAST_HEARD)[0])
    rng, drawn = np.random.default_rng(0), []
    there = candidates(bars, bars, row, same=True)
    with torch.inference_mode():
        for _ in range(300):
            some = rng.choice(there, OTHERS, replace=False)
            choice = torch.from_numpy(bars.own[np.concatenate([[row], some])])[None]
            scores = recogniser.scores(torch.from_numpy(bars.context[row : row + 1]), choice)
            drawn.append(float(torch.log_softmax(scores, 1)[0, 0]))
    assert value[row] == pytest.approx(np.mean(drawn), abs=0.15)


def test_too_few_pieces_to_learn_from_are_told_in_words() -> None:
    every = library()
    two = Bars(*(getattr(every, name)[every.piece < 2] for name in Bars.__dataclass_fields__))
    with pytest.raises(MusicError, match=f"no bar can be told from {OTHERS} like it"):
        train({"pop": two}, {"pop": two}, Preset(2, EACH, 10, 32, 0), inputs=DIM, seed=0)
