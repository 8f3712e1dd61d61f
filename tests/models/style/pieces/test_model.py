"""The piece model: what training hears at once is what sampling hears step by step."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.music.notes import DOMAINS
from models.style.pieces.conditions import OF_MOOD
from models.style.pieces.data import Batch, PieceSet, make_batch
from models.style.pieces.model import CHAINS, Cache, PieceModel, Steps, weights_with_moods


@pytest.fixture(scope="module")
def batch(tune, model) -> Batch:
    pieces = PieceSet.of([tune(seed, domain=domain) for seed in range(3) for domain in DOMAINS])
    return make_batch(pieces, [0, 1, 2], model.config.context, np.random.default_rng(0), training=True)


def first_parts(steps: Steps) -> Steps:
    """One piece a row, as long as the shortest."""
    upto = int((steps.part == 0).sum(1).min())
    return Steps(steps.classes[:, :upto], steps.conditions[:, :upto], steps.bars[:, :upto])


def piece_of(steps: Steps, start: int, stop: int) -> Steps:
    return Steps(steps.classes[:, start:stop], steps.conditions[:, start:stop], steps.bars[:, start:stop])


@torch.inference_mode()
def test_steps_one_by_one_give_the_logits_of_all_at_once(model, batch, monkeypatch) -> None:
    monkeypatch.setattr("models.style.pieces.model.ROOM", 8)  # so that the cache has to grow
    whole = first_parts(batch.steps)
    count = whole.bars.shape[1]
    at_once = model(whole)
    cache = Cache(model.config, len(whole.bars), torch.float32)
    found = []
    for start, stop in [(0, 7), *((n, n + 1) for n in range(7, count))]:  # a prompt, then single steps
        found.append(model(piece_of(whole, start, stop), cache))
        cache.at += stop - start
    one_by_one = torch.cat(found, 1)
    coming = batch.following[:, :count].flatten(0, 1)
    for element in (element for chain in CHAINS for element in chain):
        left, right = (model.logits(state.flatten(0, 1), element, coming) for state in (at_once, one_by_one))
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_pieces_in_one_row_do_not_hear_each_other(model, batch) -> None:
    steps = batch.steps
    row = int((steps.part.max(1).values > 0).nonzero()[0, 0])
    own = steps.part[row] == 1
    apart = Steps(steps.classes[row, own][None], steps.conditions[row, own][None], steps.bars[row, own][None])
    torch.testing.assert_close(model(steps)[row, own], model(apart)[0], rtol=1e-3, atol=1e-3)


@torch.inference_mode()
def test_no_step_hears_a_later_one(model, batch) -> None:
    steps = batch.steps
    changed = steps.classes.clone()
    changed[:, 40:] = changed[:, 40:].flip(1)
    other = model(Steps(changed, steps.conditions, steps.bars, steps.part))
    torch.testing.assert_close(model(steps)[:, :40], other[:, :40])
    assert not torch.allclose(model(steps)[:, 40:], other[:, 40:])


def test_an_element_hears_only_what_comes_before_it_in_its_step(model) -> None:
    state, step = torch.zeros(1, model.config.dim), torch.zeros(1, 7, dtype=torch.long)
    for chain in CHAINS:
        for place, element in enumerate(chain):
            later = step.clone()
            later[:, list(chain[place:])] = 3
            assert torch.equal(model.logits(state, element, step), model.logits(state, element, later))


@torch.inference_mode()
def test_a_model_that_is_to_be_told_moods_says_at_first_what_it_said_without(model, batch) -> None:
    told = PieceModel(replace(model.config, moods=True))
    told.load_state_dict(weights_with_moods(model))
    steps = batch.steps
    torch.testing.assert_close(told(steps), model(steps))
    glad = steps.conditions.clone()
    glad[..., OF_MOOD] = 5
    moved = Steps(steps.classes, glad, steps.bars, steps.part)
    torch.testing.assert_close(told(moved), model(steps))  # of what it has not learned, either
    torch.nn.init.normal_(told.conditions.weight)
    assert not torch.allclose(told(moved), told(steps))
    assert torch.equal(weights_with_moods(told)["conditions.weight"], told.conditions.weight)
