"""What was heard, told without the piece model: a small network that reads the notes itself, for one task alone.

Causal convolutions over the steps of an opening, and the mean of their states so far (van den Oord et al. 2016). It has
the data of the heads that share a trunk, and nothing else to learn from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.style.layers import Multihot
from models.style.pieces.conditions import ABSENT, CLASSES
from models.tension.reading import Read

IntArray = npt.NDArray[np.int64]

DIM, WIDTH, DILATIONS = 64, 5, (1, 4, 16)  # it hears 84 steps back
DROPPED = 0.2
ROWS = 32  # openings a step


@dataclass(frozen=True)
class Openings:
    """The first bars of pieces: ``steps`` ``(pieces, steps, 7)`` in classes, -1 throughout after the last one.

    ``ends`` ``(pieces, 4)``: how many steps each of ``MARKS`` bars has; ``label`` ``(pieces,)``: the class to be told,
    -1 where there is none.
    """

    steps: Tensor
    ends: Tensor
    label: Tensor

    @classmethod
    def of(cls, pieces: Sequence[Read], labels: Sequence[int]) -> Openings:
        """From what was read of pieces."""
        steps = np.full((len(pieces), max(len(piece.opening) for piece in pieces), len(CLASSES)), ABSENT)
        for row, piece in zip(steps, pieces, strict=True):
            row[: len(piece.opening)] = piece.opening
        ends = np.stack([piece.ends for piece in pieces])
        return cls(torch.from_numpy(steps), torch.from_numpy(ends), torch.tensor(labels))

    def some(self, rows: IntArray) -> Openings:
        """Those of the given rows, as long as the longest of them."""
        at = torch.from_numpy(rows)
        ends = self.ends[at]
        return Openings(self.steps[at, : int(ends.max())], ends, self.label[at])


class OwnTrunk(nn.Module):
    """Logits of a task's classes after each of ``MARKS`` bars."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.embed = Multihot([*CLASSES], DIM)
        nn.init.normal_(self.embed.weight, std=0.3)
        self.layers = nn.ModuleList([nn.Conv1d(DIM, DIM, WIDTH, dilation=each) for each in DILATIONS])
        self.out = nn.Linear(DIM, classes)

    def forward(self, openings: Openings) -> Tensor:
        """``(pieces, 4, classes)``."""
        x = self.embed(list(openings.steps.unbind(-1))).transpose(1, 2)
        for layer, dilation in zip(self.layers, DILATIONS, strict=True):
            before = F.pad(F.dropout(x, DROPPED, self.training), (dilation * (WIDTH - 1), 0))
            x = x + F.gelu(layer(before))
        ends = openings.ends[:, None].expand(-1, DIM, -1)
        mean = x.cumsum(2).gather(2, ends - 1) / ends
        found: Tensor = self.out(F.dropout(mean.transpose(1, 2), DROPPED, self.training))
        return found


def loss(network: OwnTrunk, openings: Openings) -> Tensor:
    """The mean over ``MARKS`` of what a fit makes least, ``(pieces,)``; 0 where there is no class to be told."""
    told = network(openings)
    label = openings.label.clamp(min=0)[:, None].expand(-1, told.shape[1])
    each = F.cross_entropy(told.transpose(1, 2), label, reduction="none").mean(1)
    return each * (openings.label >= 0)
