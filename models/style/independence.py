"""Penalties on the mutual information of latent groups, beside the bottleneck and the restricted encoders.

For the study of the style model's parts (``models.evaluate.style_study``), which says whether they earn their place.
Both are in nats a bar, and cost ``price`` each, as the KL does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from models.style.model import StyleConfig

Penalty = Literal["adversary", "correlation"]
HIDDEN, LEARNING_RATE = 64, 3e-3
LEAST = 1e-3  # share of a latent's variance that is always left to be told


class Correlation:
    """Linear mutual information between groups: half the squared correlations of their latents in the batch.

    That is what mutual information of Gaussians comes to where they are weak. What so few bars would show of
    independent latents is the same for all encoders, and is no part of the gradient.
    """

    def __init__(self, price: float) -> None:
        self.price = price

    def __call__(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Nats a bar, from latents ``(bars, dim)`` of each group."""
        latents = {name: _standardised(part) for name, part in parts.items()}
        every = torch.cat([*latents.values()], -1)
        bars = len(every)
        across = (every.T @ every / bars).square().sum()
        within = sum((part.T @ part / bars).square().sum() for part in latents.values())
        return (across - within) / 4  # each pair is there twice

    def learn(self) -> None:
        """Has nothing to learn."""


class Adversary(nn.Module):
    """A network for each group that learns to tell all other groups' latents from it; encoders learn to prevent it.

    What it can tell bounds their mutual information from below (Barber & Agakov 2003), as in the adversarial
    disentangling of Lample et al. 2017 and Ganin et al. 2016, by regression.
    """

    def __init__(self, price: float, config: StyleConfig) -> None:
        super().__init__()
        self.price = price
        every = config.latent_dim
        self.readers = nn.ModuleDict(
            {
                name: nn.Sequential(nn.Linear(size, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, every - size))
                for name, size in config.latent.items()
            }
        )
        self.optimiser = torch.optim.AdamW(self.parameters(), lr=LEARNING_RATE)

    def forward(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Nats a bar, from latents ``(bars, dim)`` of each group; what two groups tell of each other counts once."""
        told = []
        for name, part in parts.items():
            others = torch.cat([other for group, other in parts.items() if group != name], -1)
            missed = (self.readers[name](part) - _standardised(others.detach())).square().mean(0)
            told.append(-0.5 * (missed + LEAST).log().sum())
        return torch.stack(told).sum() / 2

    def learn(self) -> None:
        """One step up the gradient that encoders have just gone down."""
        for weight in self.parameters():
            if weight.grad is not None:
                weight.grad.neg_()
        self.optimiser.step()
        self.optimiser.zero_grad()


def independence_penalty(
    how: Penalty | None, price: float, config: StyleConfig, device: str
) -> Correlation | Adversary | None:
    """What prices what groups tell of one another; raises ``ValueError`` for another ``how``."""
    if how is None:
        return None
    if how not in get_args(Penalty):
        raise ValueError(f"latents are kept apart by {how!r}; it must be one of {get_args(Penalty)}")
    return Correlation(price) if how == "correlation" else Adversary(price, config).to(device)


def _standardised(part: Tensor) -> Tensor:
    part = part.float()
    return (part - part.mean(0)) / (part.var(0, unbiased=False) + 1e-4).sqrt()
