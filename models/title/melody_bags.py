"""Encoders of a melody that don't hear its order: how often it has each interval, degree, place, duration and so on."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.linalg import eigh
from torch import Tensor, nn
from torch.nn import functional as F

from models.title.melody_encoders import MelodyConfig, MelodyEncoder
from models.title.tunes import FIELD_SIZES, FIELDS

BAGS = (
    ("interval",), ("degree", "key"), ("pitch",), ("position", "duration"), ("degree", "position"), ("bar",),
    ("interval", "duration"), ("meter", "duration"),
)  # fmt: skip
CADENCES = (("position", "duration"), ("degree", "position"))  # of the notes of bars that end a strain
STRAIN = 8  # bars, counted from a tune's last one
FLOOR = 0.02  # of a standard deviation; below it a value is too rare to be blown up


def values_of(config: MelodyConfig) -> int:
    """How many values the bags of such an encoder have."""
    bags = (*BAGS, *CADENCES) if config.cadences else BAGS
    return sum(math.prod(FIELD_SIZES[name] + 1 for name in bag) for bag in bags)


def shares(notes: Tensor, there: Tensor, *, cadences: bool) -> Tensor:
    """Square roots of the share of notes that have each value of each bag (Hellinger): ``(tunes, values_of(config))``.

    An unknown value is a value of its own; notes that are not ``there`` ``(tunes, notes)`` don't count. How strains end
    (``cadences``) tells types apart; where bars are unknown it is unknown, too.
    """
    whole = [_shares_of(notes, there, bag) for bag in BAGS]
    if not cadences:
        return torch.cat(whole, 1)
    bar = notes[..., FIELDS.index("bar")]
    ends = there & (bar >= 0) & ((bar.amax(1, keepdim=True) - bar) % STRAIN == 0)
    return torch.cat([*whole, *(_shares_of(notes, ends, bag) for bag in CADENCES)], 1)


def _shares_of(notes: Tensor, counted: Tensor, bag: tuple[str, ...]) -> Tensor:
    size, index = 1, torch.zeros_like(notes[..., 0])
    for name in bag:
        index = index * (FIELD_SIZES[name] + 1) + notes[..., FIELDS.index(name)] + 1
        size *= FIELD_SIZES[name] + 1
    counts = torch.zeros(len(notes), size, device=notes.device).scatter_add_(1, index, counted.float())
    return (counts / counted.sum(1, keepdim=True).clamp(min=1)).sqrt()


class BagEncoder(MelodyEncoder):
    """One hidden layer over the shares."""

    def __init__(self, config: MelodyConfig) -> None:
        super().__init__(config)
        self.inner = nn.Linear(values_of(config), 2 * config.hidden)

    def gathered(self, notes: Tensor, there: Tensor) -> Tensor:
        """``(tunes, 2 hidden)``."""
        return F.gelu(self.inner(self.dropout(shares(notes, there, cadences=self.config.cadences))))


class LinearEncoder(MelodyEncoder):
    """The whitened principal components of the shares, turned; ``fit`` finds them, training may turn them."""

    mean: Tensor
    scale: Tensor

    def __init__(self, config: MelodyConfig) -> None:
        super().__init__(config)
        values = values_of(config)
        self.register_buffer("mean", torch.zeros(values))
        self.register_buffer("scale", torch.ones(values))
        self.whiten = nn.Linear(values, config.dim, bias=False)
        self.out = nn.Linear(config.dim, config.dim)
        nn.init.eye_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def gathered(self, notes: Tensor, there: Tensor) -> Tensor:
        """``(tunes, dim)``, of mean 0 and variance 1 on the tunes it was fitted to."""
        x: Tensor = self.whiten((shares(notes, there, cadences=self.config.cadences) - self.mean) / self.scale)
        return x

    @torch.no_grad()
    def fit(self, notes: Tensor) -> None:
        """Take the largest components of these tunes ``(tunes, notes, fields)``."""
        heard = notes.masked_fill(self.silenced, -1)
        x = shares(heard, (notes >= 0).any(-1), cadences=self.config.cadences)
        self.mean.copy_(x.mean(0))
        self.scale.copy_(x.std(0) + FLOOR)
        varied = torch.nonzero(x.std(0) > 0)[:, 0]  # about half of all values: others are no tune's
        x = ((x - self.mean) / self.scale)[:, varied]
        found = min(self.config.dim, len(varied))
        last = (len(varied) - found, len(varied) - 1)
        variance, direction = eigh((x.T @ x / len(x)).double().cpu().numpy(), subset_by_index=last)
        self.whiten.weight.zero_()
        whitening = torch.from_numpy((direction / np.sqrt(np.maximum(variance, 1e-6))).T).float()
        self.whiten.weight[:found, varied] = whitening.to(x.device)
