"""The flow prior learns what it is shown, draws the same for the same seed, and plays a domain's meters."""

import pytest
import torch

from models.music.notes import DOMAINS
from models.style.latents import CODE_LEVELS
from models.style.prior import KEYS, Prior, PriorConfig, Setting, codes_of, index_of

CONFIG = PriorConfig(latent_dim=3, codes=2, dim=32, layers=1, heads=2)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def settings(domain: torch.Tensor) -> Setting:
    return Setting(domain, torch.zeros_like(domain), torch.zeros_like(domain), torch.zeros(len(domain), 2))


@pytest.fixture(scope="module")
def toy() -> tuple[Prior, list[float]]:
    """A prior trained on latents that are +2 in domain 0 and -2 in domain 1, the sign turned in odd bars."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        prior = Prior(CONFIG)
    optimiser, generator, losses = torch.optim.Adam(prior.parameters(), 5e-3), seeded(0), []
    turn = torch.tensor([1.0, -1.0] * 4)[None, :, None]
    for _ in range(150):
        domain = torch.randint(2, (64,), generator=generator)
        z = (2 - 4 * domain[:, None, None]) * turn + 0.1 * torch.randn(64, 8, 3, generator=generator)
        loss = prior.loss(prior.standardise(z), settings(domain), generator)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return prior.eval(), losses


@pytest.mark.slow
def test_the_loss_falls_on_a_distribution_that_can_be_learned(toy) -> None:
    losses = toy[1]
    assert sum(losses[-25:]) < 0.4 * sum(losses[:25])


def noise(count: int, seed: int) -> torch.Tensor:
    return torch.randn(count, 8, 3, generator=seeded(seed))


def test_draws_look_like_their_domain_bar_by_bar(toy) -> None:
    turn = torch.tensor([1.0, -1.0] * 4)[None, :, None]
    for domain, level in ((0, 2.0), (1, -2.0)):
        drawn = toy[0].carry(noise(32, 1), settings(torch.full((32,), domain))) * turn
        assert drawn.mean().item() == pytest.approx(level, abs=0.4)
        assert ((drawn * level) > 0).float().mean() > 0.95


def test_heads_that_lean_to_their_own_bar_alone_hear_no_other() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        prior = Prior(CONFIG).eval()
        torch.nn.init.normal_(prior.blocks[0].out.weight)
        torch.nn.init.normal_(prior.leave.weight)
    x = torch.randn(1, 8, 3, generator=seeded(0))
    other = x.clone()
    other[:, 0] += 1

    def moved() -> torch.Tensor:
        asked, time = settings(torch.zeros(1).long()), torch.full((1,), 0.5)
        return (prior(x, time, asked) - prior(other, time, asked)).detach().abs().sum(-1)[0] > 1e-4

    assert moved().all()
    with torch.no_grad():
        prior.blocks[0].lean.fill_(-1e4)[:, 7] = 0
    assert moved().tolist() == [True] + [False] * 7


def test_the_same_seed_draws_the_same_and_another_one_something_else(toy) -> None:
    asked = settings(torch.zeros(3).long())
    one, same, other = (toy[0].carry(noise(3, seed), asked) for seed in (1, 1, 2))
    assert one.shape == (3, 8, 3)
    assert torch.equal(one, same)
    assert not torch.allclose(one, other)


@pytest.mark.slow
def test_guidance_moves_draws_and_one_is_none(toy) -> None:
    noise, asked = torch.randn(4, 8, 3, generator=seeded(3)), settings(torch.zeros(4).long())
    plain = toy[0].carry(noise, asked)
    assert torch.equal(plain, toy[0].carry(noise, asked, guidance=1.0))
    assert not torch.allclose(plain, toy[0].carry(noise, asked, guidance=2.0), atol=1e-2)


def test_latents_are_standardised_inside_and_come_back_in_their_own_units() -> None:
    prior = Prior(CONFIG)
    torch.nn.init.zeros_(prior.leave.bias)  # its weights are zero before training: no velocity
    prior.mean.fill_(5.0)
    prior.scale.fill_(2.0)
    noise = torch.randn(2, 8, 3, generator=seeded(0))
    found = prior.carry(noise, settings(torch.zeros(2).long()))
    assert torch.allclose(found, 5 + 2 * noise, atol=1e-5)
    assert torch.allclose(prior.standardise(found), noise, atol=1e-5)


@pytest.mark.parametrize("name", ["meter", "key"])
def test_meters_and_keys_are_drawn_as_often_as_the_domain_has_them(name) -> None:
    prior = Prior(CONFIG)
    shares = prior.get_buffer(f"{name}_share")
    shares.fill_(1e-9)
    shares[1, 2], shares[1, 3] = 0.25, 0.75
    drawn = getattr(prior.draw_setting(1, 2000, seeded(0)), name)
    assert set(drawn.tolist()) == {2, 3}
    assert (drawn == 3).float().mean().item() == pytest.approx(0.75, abs=0.04)


def test_settings_are_freed_of_domain_and_key_where_asked() -> None:
    both = Setting.join([settings(torch.tensor([1])), settings(torch.tensor([2]))])
    freed = both.free(torch.tensor([False, True]))
    assert freed.domain.tolist() == [1, len(DOMAINS)]
    assert freed.key.tolist() == [0, KEYS]
    assert freed.meter.tolist() == [0, 0]


def test_it_also_runs_in_bfloat16_and_answers_in_float32() -> None:
    prior = Prior(CONFIG).bfloat16()
    loss = prior.loss(torch.randn(4, 8, 3), settings(torch.zeros(4).long()), seeded(0))
    loss.backward()
    assert loss.dtype == torch.float32
    assert all(p.grad is not None for p in prior.leave.parameters())


def test_combinations_of_codes_are_numbered_and_drawn_as_often_as_in_training() -> None:
    index = torch.arange(CODE_LEVELS**2)
    codes = codes_of(index, 2)
    assert torch.equal(index_of(codes), index)
    assert codes.min() == -1
    assert codes.max() == 1
    prior = Prior(CONFIG)
    prior.code_share.zero_()
    prior.code_share[1, 0, 7] = prior.code_share[1, 1:, 21] = 1.0
    drawn = prior.draw_setting(1, 200, torch.Generator().manual_seed(0))
    codes = index_of(drawn.codes)
    assert set(codes.tolist()) == {7, 21}
    assert torch.equal(codes == 7, drawn.meter == 0)
