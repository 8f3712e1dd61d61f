import numpy as np
import pytest
import torch

from models.style.performance.model import PerformanceConfig, PerformanceModel, PlayedBatch, log_likelihood, memory
from models.style.performance.player import (
    STEP,
    Player,
    _Head,
    drawn_from,
    load_performance_model,
    save_performance_model,
)
from models.style.performance.score import LATE, LEAST_SCALE, MOST_SECONDS, TEMPO, read_score

CONFIG = PerformanceConfig(dim=12, hidden=10, head=8, dilations=(1, 2), mixtures=3)


@pytest.fixture
def model():
    torch.manual_seed(1)
    return PerformanceModel(CONFIG).eval().requires_grad_(requires_grad=False)


def weights(model):
    return {name: value.numpy() for name, value in model.state_dict().items()}


def chance(score, seed):
    return np.random.default_rng(seed).random((len(score.order), 4, 2))


def test_the_player_computes_what_the_model_does(model, chords):
    score = read_score(chords(4))
    player = Player(weights(model), CONFIG.dilations)
    played = player.play(score, chance(score, 0))
    told = np.stack([played.tempo[score.bar], played.late_s, played.velocity, played.length], axis=1)
    values = torch.from_numpy((told - (0, 0, 60, 0)) / (0.03, 0.03, 12, 0.4)).float()[None]
    first = torch.from_numpy(score.first)[None]
    known = model.read(torch.from_numpy(score.features)[None])
    assert player.read(score.features) == pytest.approx(known[0].numpy(), abs=1e-4)
    states, _ = model.player(torch.cat([known, memory(values, first)], dim=-1))
    for aspect, head in enumerate(model.heads):
        expected = head(torch.cat([states, known, values[..., :aspect]], dim=-1))[0, -1].numpy()
        mine = _Head(player._weights, aspect, known[0].numpy(), CONFIG.hidden)
        found = mine.mixture(len(told) - 1, states[0, -1].numpy(), values[0, -1, :aspect].numpy())
        assert found == pytest.approx(expected, abs=1e-4)
    # and goes through the same states: a memory that differed would show in every later note
    assert (played.velocity == np.rint(played.velocity)).all()


def test_draws_follow_the_mixture_and_keep_within_their_limits():
    mixture = np.array([0.0, -20.0, 1.0, 9.0, -1.0, 0.0], dtype=np.float32)
    rng = np.random.default_rng(0)
    drawn = np.array([drawn_from(mixture, -4.0, rng.random(2), -3.0, 3.0) for _ in range(4000)])
    assert np.abs(drawn).max() <= 3.0
    values = torch.linspace(-3, 3, 2001)
    chance = log_likelihood(torch.from_numpy(mixture).expand(2001, 6), values, -4.0).exp()
    mean = float((values * chance).sum() / chance.sum())
    assert drawn.mean() == pytest.approx(mean, abs=0.03)
    assert drawn_from(mixture, -4.0, np.array([0.5, 0.5]), 50.0, 60.0) == 50.0


def test_loudness_stays_within_the_step_that_the_score_tells(model, chords):
    piece = chords(8)
    score = read_score(piece)
    played = Player(weights(model), CONFIG.dilations).play(score, chance(score, 3))
    apart = played.velocity - piece.notes[score.order, 3]
    assert STEP[0] <= apart.min() < 0 < apart.max() <= STEP[1]
    assert np.abs(played.late_s).max() <= MOST_SECONDS + 1e-6
    free = Player(weights(model), CONFIG.dilations).play(read_score(piece, dynamics=False), chance(score, 3))
    assert free.velocity.std() > apart.std()


def test_every_part_of_the_model_is_trained(model, chords):
    model.requires_grad_()
    score = read_score(chords(4))
    row = [torch.from_numpy(each)[None] for each in (score.features, np.zeros((len(score.first), 4), np.float32))]
    marks = [torch.from_numpy(each)[None] for each in (score.first, score.opens, np.ones(len(score.first), bool))]
    losses = model.losses(PlayedBatch(*row, *marks))
    assert losses.shape == (4,)
    losses.sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    # a bar's tempo is told once a bar
    bars = model.losses(PlayedBatch(*row, marks[0], torch.zeros_like(marks[1]), marks[2]))
    assert bars[TEMPO] == 0


def test_a_chord_is_measured_from_its_first_note():
    values = torch.zeros(1, 4, 4)
    values[0, :, LATE] = torch.tensor([1.0, 2.0, 3.0, 4.0])
    past = memory(values, torch.tensor([[True, False, True, False]]))
    assert past[0, :, -1].tolist() == [0, 1, 0, 3]
    assert past[0, :, -2].tolist() == [0, 1, 1, 3]
    assert len(LEAST_SCALE) == 4


def test_a_model_is_saved_whole_and_loaded_strictly(model, tmp_path):
    card = {"preset": "tiny", "steps": 1, "seed": 0, "config": {"dilations": [1, 2]}}
    save_performance_model(tmp_path, weights(model), card, {"test": ["b", "a"]})
    bundle = load_performance_model(tmp_path)
    assert bundle.version.startswith("performance-tiny-1-0-")
    assert all(np.allclose(bundle.weights[name], value, atol=2e-3) for name, value in weights(model).items())
    load_performance_model.cache_clear()
    (tmp_path / "performance.safetensors").write_bytes(b"broken")
    with pytest.raises(ValueError, match="sha256"):
        load_performance_model(tmp_path)
    with pytest.raises(FileNotFoundError, match="makes one"):
        load_performance_model(tmp_path / "none")
