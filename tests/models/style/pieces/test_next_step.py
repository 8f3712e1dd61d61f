"""The compiled step says what the model says, whatever each row has heard, and follows weights that change."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.music.tokens import PITCH, POSITION
from models.style.pieces.conditions import CLASSES
from models.style.pieces.model import EARLIER, ROOM, Cache, PieceConfig, PieceModel, Steps, tiny_pieces
from models.style.pieces.next_step import _exponentials, _product, next_step

CONFIG = PieceConfig(dim=48, layers=3, heads=2, hidden=40, condition=16, context=2 * ROOM, moods=True)


def model_of(config=CONFIG):
    torch.manual_seed(3)
    model = PieceModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # as they are shipped; and no layer that adds nothing
            parameter.copy_((torch.randn_like(parameter) * 0.2).half())
    return model


def steps_of(model, rows, count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    classes = [torch.randint(-1, size, (rows, count), generator=generator) for size in CLASSES]
    conditions = [torch.randint(-1, size, (rows, count), generator=generator) for size in model.config.conditions]
    bars = torch.rand(rows, count, generator=generator) * 30
    return Steps(torch.stack(classes, -1), torch.stack(conditions, -1), bars)


def at(steps, place):
    """One step of each row, where ``place`` ``(rows,)`` says."""
    rows = torch.arange(len(place))
    return [each[rows, place].numpy() for each in (steps.classes, steps.conditions, steps.bars)]


def heard(model, steps, place, cache):
    return torch.from_numpy(next_step(model).state(*at(steps, place), cache))


def told(asked, state, element, step):
    return torch.from_numpy(asked.logits(state.numpy(), element, step.numpy()))


@pytest.mark.parametrize("rows", [1, 3, 9])
@pytest.mark.parametrize("moods", [True, False])
def test_a_step_after_what_each_row_has_heard_is_the_models(rows, moods):
    model = model_of(replace(CONFIG, moods=moods))
    steps = steps_of(model, rows, 40)
    before = torch.arange(rows) * 3 + 2
    with torch.inference_mode():
        expected = model(steps)
        cache = Cache(model.config, rows, torch.float32)
        first = Steps(steps.classes[:, :30], steps.conditions[:, :30], steps.bars[:, :30])
        model(first, cache)
        cache.at += before
        for more in range(8):
            found = heard(model, steps, before + more, cache)
            assert found.shape == (rows, model.config.dim)
            torch.testing.assert_close(found, expected[torch.arange(rows), before + more], rtol=1e-3, atol=1e-4)
            cache.at += 1


def test_there_is_room_for_more_steps_than_at_first():
    model = model_of()
    steps = steps_of(model, 1, ROOM + 3)
    cache = Cache(model.config, 1, torch.float32)
    with torch.inference_mode():
        expected = model(steps)
        for place in range(ROOM + 3):
            found = heard(model, steps, torch.tensor([place]), cache)
            cache.at += 1
    torch.testing.assert_close(found, expected[:, -1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("element", list(EARLIER))
def test_logits_are_the_models(element):
    model = model_of()
    state = torch.randn(5, CONFIG.dim)
    step = torch.stack([torch.randint(0, size, (5,)) for size in CLASSES], -1)
    with torch.inference_mode():
        torch.testing.assert_close(
            told(next_step(model), state, element, step), model.logits(state, element, step), rtol=1e-3, atol=1e-4
        )


def test_it_follows_weights_that_change_and_leaves_to_torch_what_is_not_at_rest_in_float32():
    model = model_of()
    before = next_step(model)
    assert next_step(model) is before
    with torch.no_grad():
        model.heads[str(PITCH)].out.weight.mul_(2)
    after = next_step(model)
    state, step = torch.randn(2, CONFIG.dim), torch.zeros(2, 7, dtype=torch.long)
    torch.testing.assert_close(told(after, state, PITCH, step), 2 * told(before, state, PITCH, step))
    torch.testing.assert_close(told(after, state, POSITION, step), told(before, state, POSITION, step))
    assert next_step(model.train()) is None
    assert next_step(model.eval().bfloat16()) is None
    assert next_step(tiny_pieces(0).model) is not None
    with torch.inference_mode():
        made = model_of()
    assert next_step(made) is None


def test_exponentials_are_right_to_the_sixth_digit():
    x = np.linspace(-85, 79, 100_001, dtype=np.float32)
    found = x.copy()
    _exponentials(found)
    assert np.abs(found / np.exp(x.astype(np.float64)) - 1).max() < 1e-6
    lowest = np.array([-1e4, -np.inf], dtype=np.float32)
    _exponentials(lowest)
    assert (lowest < 1e-36).all()


@pytest.mark.parametrize("rows", [1, 5])
def test_every_float16_is_widened_exactly(rows):
    bits = np.arange(-(2**15), 2**15).astype(np.int16)
    bits = bits[np.isfinite(bits.view(np.float16))]
    found = _product(bits[:, None], np.ones((rows, 1), dtype=np.float32))
    np.testing.assert_array_equal(found, np.tile(bits.view(np.float16).astype(np.float32), (rows, 1)))
