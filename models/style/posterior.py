"""What an encoder says of bar latents: a Gaussian each, or one of a few levels (finite scalar quantisation).

Quantised latents have a fixed rate and no noise; Mentzer et al. 2024.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Posterior:
    """Diagonal Gaussian over bar latents: ``mean``, ``log_variance`` ``(bars, latent_dim)``."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One reparameterised draw, ``(bars, latent_dim)``."""
        noise = torch.randn(self.mean.shape, generator=generator, device=self.mean.device)
        return self.mean + noise * (0.5 * self.log_variance).exp()

    def kl(self) -> Tensor:
        """KL to N(0, 1) in nats, ``(bars, latent_dim)``."""
        return 0.5 * (self.mean**2 + self.log_variance.exp() - 1 - self.log_variance)


@dataclass(frozen=True)
class Quantised(Posterior):
    """Those dimensions that ``stepped`` ``(latent_dim,)`` marks have ``levels`` equally likely values in -1..1."""

    stepped: Tensor
    levels: int

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """What is stepped, and a draw of the rest."""
        return torch.where(self.stepped, self.mean, super().sample(generator))

    def kl(self) -> Tensor:
        """The rate in nats: fixed where stepped."""
        return torch.where(self.stepped, math.log(self.levels), super().kl())


def finite_scalar(x: Tensor, levels: int) -> Tensor:
    """The nearest of an odd number of ``levels`` in -1..1 to ``tanh(x)``, with a straight-through gradient."""
    steps = (levels - 1) // 2
    bounded = steps * torch.tanh(x)
    return (bounded + (bounded.round() - bounded).detach()) / steps
