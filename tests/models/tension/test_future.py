"""What the piece model expected of each note: nats that are really its own, and more where music is spoiled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.music.notes import Piece
from models.style.pieces.conditions import regular_tokens
from models.style.pieces.data import Batch
from models.style.pieces.model import load_pieces_model, tiny_pieces
from models.style.pieces.training import element_losses
from models.tension.evaluation import jittered, shuffled, swapped
from models.tension.future import alone, predict_notes, steps_of

TINY = tiny_pieces().model


def tune(bars: int = 12, seed: int = 0) -> Piece:
    rng = np.random.default_rng(seed)
    motif = rng.integers(60, 72, 4)
    notes = [(bar * 96 + beat * 24, 24, int(motif[beat]) + (bar % 2), 80) for bar in range(bars) for beat in range(4)]
    grid = [(bar * 96, 96, 4, 4) for bar in range(bars)]
    return Piece(np.array(notes), np.array(grid), np.full(bars, 120.0), domain="pop")


@torch.inference_mode()
def test_the_nats_are_those_that_training_counts() -> None:
    piece = tune()
    tokens = regular_tokens(piece)
    steps = steps_of([tokens], 0)
    following = torch.cat([steps.classes[:, 1:], torch.full((1, 1, 7), -1)], 1)
    losses = element_losses(TINY, Batch(steps, following))
    predicted = predict_notes(TINY, piece)
    for column, element in enumerate((0, 1, 2, 3)):
        expected = losses[element].item()
        assert predicted.surprise[:, column].sum() == pytest.approx(expected, rel=1e-3)


def test_what_is_heard_later_changes_nothing_before() -> None:
    piece = tune()
    notes = piece.notes.copy()
    notes[30:, 2] += 5
    changed = replace(piece, notes=notes)
    one, two = predict_notes(TINY, piece), predict_notes(TINY, changed)
    assert np.allclose(one.surprise[:30], two.surprise[:30], atol=1e-4)
    assert not np.allclose(one.surprise[30:], two.surprise[30:], atol=1e-2)


def test_bars_heard_alone_do_not_hear_each_other() -> None:
    tokens = regular_tokens(tune())
    heads = np.flatnonzero(tokens[:, 0] == tokens[0, 0])
    bars = [tokens[a:b] for a, b in zip(heads, [*heads[1:], len(tokens)], strict=True)]
    every, one = alone(TINY, bars, 0), alone(TINY, [bars[3]], 0)
    assert np.allclose(every[3], one[0], atol=1e-5)


def test_the_shipped_model_is_surprised_by_a_spoiled_tune() -> None:
    model = load_pieces_model("pieces-latents").model
    rng = np.random.default_rng(0)
    piece = replace(tune(16), domain="dance")
    plain = predict_notes(model, piece).surprise.sum(1).mean()
    assert predict_notes(model, jittered(piece, rng)).surprise.sum(1).mean() > plain + 0.2


def test_alterations_keep_what_they_do_not_spoil() -> None:
    rng = np.random.default_rng(0)
    piece, other = tune(12, 0), tune(10, 1)
    mixed = shuffled(piece, rng)
    assert len(mixed.notes) == len(piece.notes)
    assert not np.array_equal(mixed.notes, piece.notes)
    assert sorted(mixed.notes[:, 2]) == sorted(piece.notes[:, 2])
    wrong = jittered(piece, rng)
    assert np.array_equal(wrong.notes[:, [0, 1, 3]], piece.notes[:, [0, 1, 3]])
    assert 0 < (wrong.notes[:, 2] != piece.notes[:, 2]).mean() < 0.5
    half = swapped(piece, other)
    assert len(half.bars) == 6 + 5
    assert np.array_equal(half.notes[:24], piece.notes[:24])
    assert set(half.notes[24:, 2]) <= set(other.notes[:, 2])
