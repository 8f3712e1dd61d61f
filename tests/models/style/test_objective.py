"""What groups of latents tell of one another: found where it is planted, unlearned by encoders that pay for it."""

import pytest
import torch
from scipy.stats import spearmanr

from models.music.tokens import POSITIONS
from models.style.features import BEATS, SLOTS
from models.style.latents import GROUPS
from models.style.model import StyleConfig
from models.style.objective import Adversary, Correlation, independence_penalty

pytestmark = pytest.mark.slow

BARS = 4000
CONFIG = StyleConfig(latent=dict.fromkeys(GROUPS, 2))


def latents(shared: float, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Groups of which texture's first dimension is in part rhythm's."""
    parts = {name: torch.randn(BARS, 2, generator=generator) for name in GROUPS}
    told = shared * parts["rhythm"][:, 0] + (1 - shared**2) ** 0.5 * parts["texture"][:, 0]
    parts["texture"] = torch.stack([told, parts["texture"][:, 1]], 1)
    return parts


@pytest.mark.parametrize("shared", [0.0, 0.3, 0.6])
def test_correlated_groups_cost_what_they_tell_and_independent_ones_what_chance_does(shared: float) -> None:
    chance = 42 * 4 / 4 / BARS  # pairs of groups, pairs of dimensions
    assert Correlation(1.0)(latents(shared, torch.Generator().manual_seed(0)), {}) == pytest.approx(
        shared**2 / 2 + chance, abs=0.03
    )


def test_an_adversary_learns_what_is_told_and_what_has_no_correlation() -> None:
    generator = torch.Generator().manual_seed(0)
    adversary = Adversary(1.0, CONFIG)

    def parts(squared: bool) -> dict[str, torch.Tensor]:
        found = latents(0.0, generator)
        if squared:
            found["texture"] = torch.stack([found["rhythm"][:, 0].square(), found["texture"][:, 1]], 1)
        return found

    for _ in range(150):
        torch.autograd.backward(adversary(parts(squared=True), {}))
        adversary.learn()
    assert Correlation(1.0)(parts(squared=True), {}) < 0.1
    assert adversary(parts(squared=True), {}) > 0.5  # one way only: texture does not tell the sign of the root
    assert adversary(parts(squared=False), {}) < 0


@pytest.mark.parametrize("how", ["adversary", "correlation"])
def test_encoders_that_pay_stop_telling(how) -> None:
    generator = torch.Generator().manual_seed(0)
    price = independence_penalty(how, 1.0, CONFIG, "cpu")
    leak = torch.tensor(1.0, requires_grad=True)
    optimiser = torch.optim.SGD([leak], lr=0.02)
    for _ in range(200):
        parts = latents(0.0, generator)
        mixed = parts["texture"][:, 0] + leak * parts["rhythm"][:, 0]
        parts["texture"] = torch.stack([mixed, parts["texture"][:, 1]], 1)
        optimiser.zero_grad()
        torch.autograd.backward(price(parts, {}))
        optimiser.step()
        price.learn()
    assert abs(leak.item()) < 0.3


def test_a_dimension_learns_to_order_bars_as_its_attribute_does() -> None:
    generator = torch.Generator().manual_seed(0)
    features = {"rhythm": torch.rand(64, POSITIONS, generator=generator), "register": torch.rand(64, 9)}
    features |= {"dynamics": torch.rand(64, 2 * BEATS + 1), "texture": torch.rand(64, SLOTS + 1)}
    parts = {name: torch.zeros(64, 2, requires_grad=True) for name in features}
    price = independence_penalty("ordering", 1.0, CONFIG, "cpu")
    optimiser = torch.optim.Adam(parts.values(), lr=0.05)
    before = price(parts, features).item()
    for _ in range(200):
        optimiser.zero_grad()
        torch.autograd.backward(price(parts, features))
        optimiser.step()
    assert price(parts, features).item() < 0.3 * before
    order = parts["register"][:, 0].detach()
    assert spearmanr(order, features["register"][:, 8]).statistic > 0.95
    assert not parts["register"][:, 1].any()


def test_another_way_is_named() -> None:
    assert independence_penalty(None, 1.0, CONFIG, "cpu") is None
    with pytest.raises(ValueError, match="kept apart by 'cycle'; it must be one of"):
        independence_penalty("cycle", 1.0, CONFIG, "cpu")
