"""How likely each frame begins a beat and a bar: dilated convolutions over time (Davies & Böck 2019)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.mood.beats.performance import FEATURES, Frames, Performance, frames_of

DROPPED = 0.1


class BeatNetwork(nn.Module):
    """From ``(batch, FEATURES, frames)`` to logits of beat and downbeat ``(batch, 2, frames)``.

    ``layers`` dilations of 1, 2, 4, … frames, so that ten of them hear 25 seconds to each side.
    """

    def __init__(self, dim: int = 48, layers: int = 10) -> None:
        super().__init__()
        self.first = nn.Conv1d(FEATURES, dim, 5, padding=2)
        self.convs = nn.ModuleList(
            nn.Conv1d(dim, dim, 3, padding=2**layer, dilation=2**layer) for layer in range(layers)
        )
        self.mixes = nn.ModuleList(nn.Conv1d(dim, dim, 1) for _ in range(layers))
        self.out = nn.Conv1d(dim, 2, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Logits of each frame."""
        x = F.elu(self.first(frames))
        for conv, mix in zip(self.convs, self.mixes, strict=True):
            x = x + mix(F.dropout(F.elu(conv(x)), DROPPED, self.training))
        logits: Tensor = self.out(F.elu(x))
        return logits

    @torch.inference_mode()
    def chances(self, played: Performance) -> Frames:
        """Of a beat and of a downbeat in each frame ``(2, frames)``."""
        found: Frames = self(torch.from_numpy(frames_of(played))[None])[0].sigmoid().numpy().astype(np.float32)
        return found
