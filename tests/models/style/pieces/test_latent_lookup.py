"""What is told of latents is heard alike in training, in writing by torch and in the compiled step."""

import numpy as np
import pytest
import torch

from models.music.notes import DOMAINS
from models.music.tokens import DURATION, END, PITCH, POSITION, VELOCITY
from models.style.checkpoint import tiny_style
from models.style.latents import TOLD_GROUPS
from models.style.pieces.bar_latents import BarLatents, Reader
from models.style.pieces.conditions import LOWEST, OF_LEFT, OF_NUMBER, Place, Wishes
from models.style.pieces.data import Latents, PieceSet, make_batch, training_batch
from models.style.pieces.model import Coming, PieceConfig, PieceModel
from models.style.pieces.training import element_losses
from models.style.pieces.writing import Writing
from tests.models.conftest import clip


@pytest.fixture(scope="module")
def reader():
    encoder = tiny_style().model
    return Reader(encoder, torch.ones(encoder.config.latent_dim))


@pytest.fixture(scope="module")
def model(reader):
    torch.manual_seed(5)
    config = PieceConfig(dim=48, layers=3, heads=2, hidden=40, condition=16, context=512, latents=reader.sizes)
    model = PieceModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_((torch.randn_like(parameter) * 0.2).half())
    return model


@pytest.fixture(scope="module")
def pieces():
    return PieceSet.of([clip(seed) for seed in range(4)])


def latents_of(reader, tokens, without=()):
    (read,) = reader.read([tokens])
    told = read.told & ~np.isin(TOLD_GROUPS, without)
    return BarLatents(read.values, told, read.doubt)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_prompt_is_heard_as_in_training(model, reader, seed):
    piece = PieceSet.of([clip(seed)])
    (tokens,) = piece.each()
    telling = Latents(reader, lambda read, _: read)
    rng = np.random.default_rng(seed)
    batch = make_batch(piece, piece.domain.tolist(), len(tokens), rng, training=False, latents=telling)
    steps = batch.steps
    length = int((steps.part[0] == 0).sum())
    length -= int((steps.classes[0, :length, POSITION] == END).sum())
    heard = steps.classes[0, 1:length].numpy()
    heard = np.where(heard < 0, -1, heard + LOWEST)
    start = next(n for n in range(len(tokens)) if np.array_equal(tokens[n : n + len(heard)], heard))
    with torch.inference_mode():
        memory = model.remember(steps.told)
        state = model(steps, memory=memory)[0, length - 1]
    number, left = (int(steps.conditions[0, 1, of]) for of in (OF_NUMBER, OF_LEFT))
    wishes = Wishes(int(piece.domain[0]), number + left)
    place = Place(number - 1, number + left, (-1,) * 99)
    told = latents_of(reader, tokens[start:])
    writing = Writing(model, wishes, [(0,)], heard.astype(np.int16), [place], latents=[told])
    np.testing.assert_allclose(writing.state[0], state.numpy(), atol=2e-4)
    coming = torch.full((1, 7), 3)
    where = Coming.after(steps, memory, torch.tensor([length - 1]))
    for element in (POSITION, PITCH, DURATION, VELOCITY):
        with torch.inference_mode():
            expected = model.logits(state[None], element, coming, where).numpy()
        np.testing.assert_allclose(writing._logits(element, np.array([0]), coming.numpy()), expected, atol=2e-3)


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_torch_and_the_compiled_step_write_the_same(model, reader, pieces, guidance):
    told = [latents_of(reader, pieces.each()[0]), latents_of(reader, pieces.each()[1], ("content", "rhythm"))]
    wishes = Wishes(DOMAINS.index("pop"), 6, regular=True, guidance=guidance, guided=("harmony", "content"))
    places = [Place(3, 20), Place(1, 20)]

    def written(torch_alone):
        writing = Writing(model, wishes, [(1,), (2,)], places=places, latents=told)
        if torch_alone:
            writing.compiled = None
        for _ in range(60):
            if not writing.ended.all():
                writing.step()
        return writing

    one, other = written(torch_alone=True), written(torch_alone=False)
    np.testing.assert_allclose(one.state, other.state, atol=2e-3)
    for a, b in zip(one.pieces(), other.pieces(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_who_is_told_nothing_writes_as_without_latents(model, reader, pieces):
    nothing = latents_of(reader, pieces.each()[0], TOLD_GROUPS)
    wishes = Wishes(DOMAINS.index("pop"), 4, regular=True)
    with_none, without = (
        Writing(model, wishes, [(1,)], places=[Place(3, 20)], latents=latents) for latents in ([nothing], [])
    )
    for _ in range(30):
        with_none.step()
        without.step()
    np.testing.assert_allclose(with_none.state, without.state, atol=1e-4)


def test_what_nobody_knows_of_a_part_is_neither_heard_nor_foretold(model, reader):
    pieces = PieceSet.of([clip(seed) for seed in range(4)])
    batches = [training_batch(pieces, rows=4, context=256, seed=seed, number=0, reader=reader) for seed in range(6)]
    unknown = 0
    for batch in batches:
        note = batch.following[..., PITCH] >= 0
        silent = note & (batch.following[..., VELOCITY] < 0)
        unknown += int(silent.sum())
        told = {element: loss.item() for element, loss in element_losses(model, batch).items()}
        assert all(np.isfinite(value) for value in told.values())
    assert 0 < unknown < 0.5 * sum(int((batch.following[..., PITCH] >= 0).sum()) for batch in batches)
    plain = training_batch(pieces, rows=4, context=256, seed=0, number=0)
    assert not ((plain.following[..., PITCH] >= 0) & (plain.following[..., VELOCITY] < 0)).any()
