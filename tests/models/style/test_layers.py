"""What the decoders are built of.

Latents of a few levels: their values, the gradient that reaches the encoder, and their rate.
"""

from __future__ import annotations

import math

import pytest
import torch

from models.style.layers import Multihot, Posterior, Quantised, finite_scalar


def test_a_quantised_number_is_the_nearest_of_its_levels() -> None:
    found = finite_scalar(torch.tensor([-9.0, -0.5, 0.0, 0.1, 9.0]), 5)
    assert found.tolist() == [-1, -0.5, 0, 0, 1]


def test_the_gradient_goes_straight_through_the_rounding() -> None:
    x = torch.tensor([-0.7, 0.1, 1.2], requires_grad=True)
    finite_scalar(x, 5).sum().backward()
    assert torch.allclose(x.grad, 1 - torch.tanh(x.detach()) ** 2)


def test_what_is_stepped_has_no_noise_and_a_fixed_rate_and_the_rest_is_gaussian() -> None:
    mean, log_variance = torch.tensor([[0.5, 0.3], [-1.0, 2.0]]), torch.full((2, 2), -1.0)
    quantised = Quantised(mean, log_variance, torch.tensor([True, False]), 5)
    plain = Posterior(mean, log_variance)
    drawn, usual = (each.sample(torch.Generator().manual_seed(0)) for each in (quantised, plain))
    assert torch.equal(drawn[:, 0], mean[:, 0])
    assert torch.equal(drawn[:, 1], usual[:, 1])
    assert quantised.kl()[:, 0].tolist() == [pytest.approx(math.log(5))] * 2
    assert torch.equal(quantised.kl()[:, 1], plain.kl()[:, 1])


def test_an_embedding_that_is_looked_up_is_the_matrix_product_of_training() -> None:
    torch.manual_seed(0)
    embed = Multihot([3, 5, 2], 8)
    fields = [torch.tensor([[0, 2, -1], [1, -1, -1]]), torch.tensor([[4, -1, -1], [0, 3, -1]])]
    fields.append(torch.tensor([[1, 0, -1], [0, -1, -1]]))  # one is absent, two are, all are
    product = embed(fields)
    with torch.no_grad():
        looked_up = embed(fields)
    assert product.requires_grad
    torch.testing.assert_close(looked_up, product.detach())
    torch.testing.assert_close(looked_up[0, 2], embed.weight[-1].detach())  # absent is one summand
