"""The network: what a tagger hears in each window of three seconds, pooled over any length, to p, emotions and genre.

Pooled by attention (Ilse, Tomczak & Welling 2018), or by the mean. Nothing looks across a batch and what is padded is
masked, so a sound's rating is the same whatever stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .features import Features
from .mel_bands import MELS
from .plays import EMOTIONS


@dataclass(frozen=True)
class RatingConfig:
    """Width of what is pooled, whether by attention, dropout, and how many genres are told apart."""

    dim: int = 64
    attention: bool = True
    dropout: float = 0.5
    genres: int = 0
    embedding: int = 200  # width of the tagger's


@dataclass(frozen=True)
class RatingOutput:
    """``p`` ``(batch,)``, ``emotions`` ``(batch, 9)``, what both are read from, and where it listened.

    ``embedding`` ``(batch, width)``; ``attention`` ``(batch, windows)`` sums to 1 over a sound; ``genres``
    ``(batch, genres)`` are logits.
    """

    p: Tensor
    emotions: Tensor
    embedding: Tensor
    attention: Tensor
    genres: Tensor


class RatingNetwork(nn.Module):
    """``Features`` of sounds to ``RatingOutput``."""

    mean: Tensor
    window_mean: Tensor
    window_deviation: Tensor

    def __init__(self, config: RatingConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.zeros(MELS, 1))  # of the pictures: what attribution starts from
        self.register_buffer("window_mean", torch.zeros(config.embedding))
        self.register_buffer("window_deviation", torch.ones(config.embedding))
        if config.attention:
            self.attend = nn.Sequential(nn.Linear(config.embedding, 32), nn.Tanh(), nn.Linear(32, 1))
        self.pool = nn.Linear(config.embedding, config.dim)
        self.seen, self.kept = nn.Dropout(0.6 * config.dropout), nn.Dropout(config.dropout)
        self.rate = nn.Linear(config.dim, 1)
        self.feel = nn.Linear(config.dim, len(EMOTIONS))
        self.place = nn.Linear(config.dim, config.genres) if config.genres else None
        nn.init.zeros_(self.rate.weight)

    def forward(self, features: Features) -> RatingOutput:
        """See the class."""
        windows = (features.windows - self.window_mean) / self.window_deviation
        scores = self.attend(windows).squeeze(-1) if self.config.attention else torch.zeros_like(features.mask)
        attention = scores.masked_fill(features.mask == 0, -torch.inf).softmax(1)
        heard = (attention[..., None] * windows).sum(1)
        embedding = nn.functional.gelu(self.pool(self.seen(heard)))
        kept = self.kept(embedding)
        genres = self.place(kept) if self.place else kept.new_zeros(len(kept), 0)
        return RatingOutput(self.rate(kept).squeeze(-1), self.feel(kept), embedding, attention, genres)
