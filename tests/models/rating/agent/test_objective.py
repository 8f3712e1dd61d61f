"""GRPO's numbers by hand, and against the true divergence."""

import json
import math

import numpy as np
import pytest
import torch

from models.rating.agent.training import CLIPPED, PRESETS, advantages, kl_to, objective
from models.style.bundle import WEIGHTS


def test_a_clip_is_better_or_worse_than_its_group_and_an_unusable_one_is_the_worst():
    found = advantages(np.array([1.0, 2.0, 3.0, np.nan]))
    expected = (np.array([1.0, 2.0, 3.0, 1.0]) - 1.75) / np.std([1.0, 2.0, 3.0, 1.0])
    assert found == pytest.approx(expected, abs=1e-5)
    assert not advantages(np.full(4, 0.3)).any()
    assert not advantages(np.full(4, np.nan)).any()


def test_the_estimate_of_the_divergence_is_right_on_average():
    own, frozen = torch.tensor([0.7, 0.2, 0.1]), torch.tensor([0.4, 0.4, 0.2])
    drawn = torch.multinomial(own, 40_000, replacement=True, generator=torch.Generator().manual_seed(0))
    each = kl_to(frozen.log()[drawn], own.log()[drawn])
    assert float(each.min()) >= 0
    assert float(each.mean()) == pytest.approx(float((own * (own / frozen).log()).sum()), rel=0.05)


def test_what_is_likelier_by_a_fifth_already_gets_no_further_push():
    drawn = torch.zeros(2, 3)
    now = torch.full((2, 3), math.log(1 + 2 * CLIPPED)).requires_grad_()
    there = torch.tensor([[True, True, True], [True, False, False]])
    found = objective(now, drawn, now.detach(), torch.tensor([1.0, -1.0]), there, kl_weight=0.0)
    assert found.loss.item() == pytest.approx(-((1 + CLIPPED) - (1 + 2 * CLIPPED)) / 2)
    found.loss.backward()
    assert not now.grad[0].any()  # better than its group, and likelier than when it was drawn by more than CLIPPED
    assert float(now.grad[1, 0]) > 0  # worse than its group: to become less likely
    assert not now.grad[1, 1:].any()  # after its end
    assert float(found.clipped) == 1.0


def test_the_kl_penalty_pulls_towards_the_writer():
    now = torch.tensor([[-1.0]]).requires_grad_()
    objective(
        now, now.detach(), torch.tensor([[-2.0]]), torch.zeros(1), torch.ones(1, 1).bool(), kl_weight=0.5
    ).loss.backward()
    assert float(now.grad[0, 0]) == pytest.approx(0.5 * (1 - math.exp(-1.0)))


def test_a_card_has_the_names_that_shipped_ones_have():
    card = json.loads((WEIGHTS / "agent-dance" / "card.json").read_text(encoding="utf-8"))
    assert PRESETS["cpu"].recorded().keys() == card["training"].keys()
