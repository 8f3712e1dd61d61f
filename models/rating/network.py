"""The network: a small CNN and statistics of the bands, pooled by attention over any length, to p and nine emotions.

Attention pooling after Ilse, Tomczak & Welling (2018). Nothing looks across a batch and what is padded is masked in
every layer, so a sound's rating is the same whatever stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from .mel_bands import MELS
from .plays import EMOTIONS


@dataclass(frozen=True)
class RatingConfig:
    """Channels of the CNN's layers (none: the statistics alone), width of what is pooled, dropout."""

    channels: tuple[int, ...] = (24, 32, 48, 64)
    dim: int = 64
    statistics: int = 32  # width of the statistics' branch; 0: the CNN alone
    dropout: float = 0.3


@dataclass(frozen=True)
class RatingOutput:
    """``p`` ``(batch,)``, ``emotions`` ``(batch, 9)``, what both are read from, and where it listened.

    ``embedding`` ``(batch, width)``; ``attention`` ``(batch, steps)`` sums to 1 over a sound.
    """

    p: Tensor
    emotions: Tensor
    embedding: Tensor
    attention: Tensor


class _Layer(nn.Module):
    """A convolution that halves both axes, normalised over channels at each place."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
        self.scale = nn.Parameter(torch.ones(outputs, 1, 1))
        self.shift = nn.Parameter(torch.zeros(outputs, 1, 1))

    def forward(self, seen: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """``(batch, channels, bands, frames)`` and ``(batch, frames)``."""
        found = self.convolution(seen)
        found = (found - found.mean(1, keepdim=True)) * torch.rsqrt(found.var(1, keepdim=True, unbiased=False) + 1e-4)
        mask = mask[:, ::2]
        return nn.functional.gelu(found * self.scale + self.shift) * mask[:, None, None], mask


class RatingNetwork(nn.Module):
    """``(batch, MELS, frames)`` of log-mel to ``RatingOutput``; 1 s is enough."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: RatingConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.zeros(MELS, 1))
        self.register_buffer("deviation", torch.ones(MELS, 1))
        widths = (1, *config.channels)
        self.layers = nn.ModuleList(_Layer(a, b) for a, b in pairwise(widths))
        bands = MELS
        for _ in config.channels:
            bands = (bands + 1) // 2
        if config.channels:
            self.frame = nn.Linear(config.channels[-1] * bands, config.dim)
            self.attend = nn.Sequential(
                nn.Linear(config.dim, config.dim // 2), nn.Tanh(), nn.Linear(config.dim // 2, 1)
            )
        if config.statistics:
            self.measure = nn.Linear(4 * MELS, config.statistics)
        width = (2 * config.dim if config.channels else 0) + config.statistics
        self.dropout = nn.Dropout(config.dropout)
        self.rate = nn.Linear(width, 1)
        self.feel = nn.Linear(width, len(EMOTIONS))
        nn.init.zeros_(self.rate.weight)

    def forward(self, seen: Tensor, mask: Tensor | None = None) -> RatingOutput:
        """See the class; ``mask`` ``(batch, frames)`` is 1 where there is sound and 0 where a batch was padded."""
        mask = torch.ones_like(seen[:, 0]) if mask is None else mask.to(seen.dtype)
        whole = (seen - self.mean) / self.deviation * mask[:, None]
        parts = []
        attention = mask / mask.sum(1, keepdim=True)
        if self.config.channels:
            found, steps = whole[:, None], mask
            for layer in self.layers:
                found, steps = layer(found, steps)
            frames = nn.functional.gelu(self.frame(self.dropout(found.flatten(1, 2).transpose(1, 2))))
            scores = self.attend(frames).squeeze(-1).masked_fill(steps == 0, -torch.inf)
            attention = scores.softmax(1)
            mean = (attention[..., None] * frames).sum(1)
            spread = ((attention[..., None] * (frames - mean[:, None]).square()).sum(1) + 1e-5).sqrt()
            parts += [mean, spread]
        if self.config.statistics:
            parts.append(nn.functional.gelu(self.measure(self.dropout(statistics(whole, mask)))))
        embedding = torch.cat(parts, dim=1)
        kept = self.dropout(embedding)
        return RatingOutput(self.rate(kept).squeeze(-1), self.feel(kept), embedding, attention)


def statistics(whole: Tensor, mask: Tensor) -> Tensor:
    """Mean, deviation, how much each band moves and how much more it rises than falls, ``(batch, 4 · MELS)``."""
    count = mask.sum(1)[:, None].clamp_min(1)
    mean = (whole * mask[:, None]).sum(2) / count
    spread = (((whole - mean[..., None]) * mask[:, None]).square().sum(2) / count + 1e-5).sqrt()
    both = (mask[:, 1:] * mask[:, :-1])[:, None]
    change = (whole[:, :, 1:] - whole[:, :, :-1]) * both
    moves = both.sum(2).clamp_min(1)
    size = (change.square().sum(2) / moves + 1e-5).sqrt()
    skew = (change**3).sum(2) / moves / (size**3 + 1e-3)
    return torch.cat([mean, spread, size, skew.clamp(-4, 4) / 4], dim=1)


def padded(pictures: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Pictures ``(MELS, frames)`` of any length as a batch and its mask."""
    longest = max(picture.shape[1] for picture in pictures)
    batch = pictures[0].new_zeros(len(pictures), MELS, longest)
    mask = pictures[0].new_zeros(len(pictures), longest)
    for row, picture in enumerate(pictures):
        batch[row, :, : picture.shape[1]] = picture
        mask[row, : picture.shape[1]] = 1
    return batch, mask
