"""Training in bfloat16 beside float32 master weights."""

import pytest
import torch
from torch import nn

from models.experiments.optimisation import MasterWeights, trained_weights, working_dtype


def seeded_linear() -> nn.Linear:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Linear(4, 3)


def step(training: MasterWeights, seed: int) -> float:
    x = torch.randn(8, 4, generator=torch.Generator().manual_seed(seed)).to(training.working.weight.dtype)
    return training.update((training.working(x).float() ** 2).mean(), 0.01)


def test_small_steps_add_up_in_the_master_though_bfloat16_cannot_hold_them() -> None:
    model = seeded_linear()
    before = model.weight.detach().clone()
    training = MasterWeights(model, 1e-5, dtype=torch.bfloat16)
    x = torch.ones(1, 4).bfloat16()
    for _ in range(50):
        training.update(training.working(x).float().sum(), 1e-5)
    moved = (training.master.weight - before).abs()
    assert training.master.weight.dtype == torch.float32
    assert training.working.weight.dtype == torch.bfloat16
    assert (moved > 3e-4).all()
    assert torch.equal(training.working.weight, training.master.weight.bfloat16())


def test_gradients_are_cleared_and_their_norm_reported() -> None:
    training = MasterWeights(seeded_linear(), 0.01)
    assert step(training, 0) > 0
    assert all(p.grad is None for p in training.working.parameters())
    assert training.step == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("orthogonal", [False, True])
def test_what_is_saved_goes_on_as_if_nothing_had_happened(tmp_path, orthogonal, dtype) -> None:
    def fresh(model: nn.Linear) -> MasterWeights:
        return MasterWeights(model, 0.01, orthogonal=[model.weight] if orthogonal else [], dtype=dtype)

    one = fresh(seeded_linear())
    for seed in range(3):
        step(one, seed)
    one.save(tmp_path / "state.safetensors")
    other = fresh(nn.Linear(4, 3))
    other.resume(tmp_path / "state.safetensors")
    weights, steps = trained_weights(tmp_path / "state.safetensors")
    assert (other.step, steps) == (3, 3)
    assert torch.equal(weights["weight"], one.master.weight)
    for seed in range(3, 6):
        step(one, seed)
        step(other, seed)
    assert torch.equal(one.master.weight, other.master.weight)
    assert not list(tmp_path.glob("*.part"))


def test_muon_moves_what_is_orthogonal_evenly_and_nothing_else() -> None:
    model = seeded_linear()
    before = model.weight.detach().clone()
    training = MasterWeights(model, 1e-3, orthogonal=[model.weight], dtype=torch.bfloat16)
    plain = MasterWeights(seeded_linear(), 1e-3, dtype=torch.bfloat16)
    for each in (training, plain):
        x = torch.randn(8, 4, generator=torch.Generator().manual_seed(0)).to(each.working.weight.dtype)
        each.update((each.working(x).float() ** 2).mean(), 1e-3)
    singular = torch.linalg.svdvals((training.master.weight - before).detach())
    assert singular.min() > 0.5 * singular.max()
    assert torch.equal(training.master.bias, plain.master.bias)


def test_it_trains_in_what_the_machine_multiplies_fast() -> None:
    training = MasterWeights(seeded_linear(), 0.01)
    assert training.working.weight.dtype == working_dtype(torch.device("cpu"))
    assert working_dtype(torch.device("cuda")) == torch.bfloat16
