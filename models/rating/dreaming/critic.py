"""The critic of realness: tells real spectrograms from the dream as it forms, and the dream has to persuade it too.

A small patch discriminator (Isola et al. 2017) with the hinge loss and spectral norms (Miyato et al. 2018); dreams of
earlier steps are shown again, so that what once gave a dream away stays known.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from .surface import Real

REMEMBERED = 64
ROWS = 6


class Critic(nn.Module):
    """``(batch, MELS, frames)`` to how real each patch looks, ``(batch,)`` on average."""

    def __init__(self, real: Real, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layers = nn.Sequential(
                spectral_norm(nn.Conv2d(1, 16, (5, 3), stride=2, padding=(2, 1))), nn.LeakyReLU(0.2),
                spectral_norm(nn.Conv2d(16, 32, 3, stride=2, padding=1)), nn.LeakyReLU(0.2),
                spectral_norm(nn.Conv2d(32, 32, 3, stride=2, padding=1)), nn.LeakyReLU(0.2),
                spectral_norm(nn.Conv2d(32, 1, 3, padding=1)),
            )  # fmt: skip
        self.real, self.generator = real, torch.Generator().manual_seed(seed)
        self.optimiser = torch.optim.Adam(self.parameters(), 1e-3, betas=(0.0, 0.9))
        self.remembered: list[Tensor] = []
        self.spread = torch.cat(real.pictures, dim=1).std(1, keepdim=True).clamp_min(0.1)

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class."""
        found = self.layers(((pictures - self.real.mean) / self.spread)[:, None])
        return torch.as_tensor(found.mean((1, 2, 3)))

    def learn(self, dream: Tensor) -> float:
        """One step on real excerpts beside this dream ``(MELS, frames)`` and earlier ones; the loss."""
        self.remembered.append(dream.detach().clone())
        if len(self.remembered) > REMEMBERED:
            drop = int(torch.randint(REMEMBERED, (1,), generator=self.generator))
            self.remembered.pop(drop)
        chosen = torch.randint(len(self.remembered), (ROWS - 1,), generator=self.generator).tolist()
        dreams = torch.stack([dream.detach(), *(self.remembered[each] for each in chosen)])
        real = self.real.excerpts(ROWS, dream.shape[1], self.generator)
        self.optimiser.zero_grad()
        loss = nn.functional.relu(1 - self(real)).mean() + nn.functional.relu(1 + self(dreams)).mean()
        torch.autograd.backward(loss)
        self.optimiser.step()
        return float(loss.item())
