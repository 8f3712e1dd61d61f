"""A second opinion: another architecture, trained apart, on which nothing is ever dreamt.

Bands are channels and convolutions run over time alone, with growing gaps (as in musicnn's temporal front end: Pons &
Serra 2019); what is loudest in time decides beside the mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .mel_bands import MELS
from .network import RatingOutput
from .plays import EMOTIONS


@dataclass(frozen=True)
class JudgeConfig:
    """Width of the layers, and the gap between the frames that each one sees."""

    dim: int = 48
    dilations: tuple[int, ...] = (1, 4, 16)
    dropout: float = 0.3


class Judge(nn.Module):
    """``(batch, MELS, frames)`` of log-mel to ``RatingOutput``; it tells no genres."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.zeros(MELS, 1))
        self.register_buffer("deviation", torch.ones(MELS, 1))
        self.enter = nn.Conv1d(MELS, config.dim, 1)
        self.layers = nn.ModuleList(
            nn.Conv1d(config.dim, config.dim, 3, padding=gap, dilation=gap) for gap in config.dilations
        )
        self.dropout = nn.Dropout(config.dropout)
        self.rate = nn.Linear(2 * config.dim, 1)
        self.feel = nn.Linear(2 * config.dim, len(EMOTIONS))
        nn.init.zeros_(self.rate.weight)

    def forward(self, seen: Tensor, mask: Tensor | None = None) -> RatingOutput:
        """See the class; ``mask`` ``(batch, frames)`` is 1 where there is sound. Attention is even."""
        mask = torch.ones_like(seen[:, 0]) if mask is None else mask.to(seen.dtype)
        found = self.enter(self.dropout((seen - self.mean) / self.deviation)) * mask[:, None]
        for layer in self.layers:
            found = (found + nn.functional.gelu(layer(found))) * mask[:, None]
        attention = mask / mask.sum(1, keepdim=True)
        mean = (found * attention[:, None]).sum(2)
        highest = found.masked_fill(mask[:, None] == 0, -torch.inf).amax(2)
        embedding = torch.cat([mean, highest], dim=1)
        kept = self.dropout(embedding)
        genres = kept.new_zeros(len(kept), 0)
        return RatingOutput(self.rate(kept).squeeze(-1), self.feel(kept), embedding, attention, genres)
