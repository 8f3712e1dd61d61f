"""The model of playing: convolutions read the score both ways, a recurrent player plays it note by note.

What a note gets is drawn in turn: the tempo (of a bar, at its first note), how late it is, how loud, how long. Each is
a mixture of logistic distributions that knows what was drawn before it, so chance goes on from note to note as it does
in playing, and is no white noise. Sources: expressive performance rendering (Widmer & Goebl 2004; Jeong et al. 2019),
mixtures of logistics (Salimans et al. 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.style.performance.score import (
    FEATURES,
    FRAME,
    KNOWN,
    LATE,
    LEAST_SCALE,
    LOUD,
    TEMPO,
    UNITS,
    VELOCITY,
    VELOCITY_MEAN,
)

PAST = 6  # what the player knows of the note before


@dataclass(frozen=True)
class PerformanceConfig:
    """Widths, and how many convolutions look how far."""

    dim: int = 96
    hidden: int = 128
    head: int = 64
    kernel: int = 5
    dilations: tuple[int, ...] = (1, 2, 4, 8, 1, 2)
    mixtures: int = 5


@dataclass(frozen=True)
class PlayedBatch:
    """Rows of neighbouring notes: ``features`` ``(rows, notes, FEATURES)``, the rest ``(rows, notes[, 4])``.

    ``values``: what was played, in units, by aspect. ``first``, ``opens``: as in ``Score``. ``real``: no padding.
    """

    features: Tensor
    values: Tensor
    first: Tensor
    opens: Tensor
    real: Tensor


class PerformanceModel(nn.Module):
    """Under half a million parameters; ``losses`` trains it, ``player.Player`` draws from it."""

    def __init__(self, config: PerformanceConfig) -> None:
        super().__init__()
        self.config = config
        size, reach = config.dim, config.kernel // 2
        self.enter = nn.Linear(FEATURES, size)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(size, size, config.kernel, padding=reach * wide, dilation=wide) for wide in config.dilations
        )
        self.leave = nn.ModuleList(nn.Conv1d(size, size, 1) for _ in config.dilations)
        self.norm = nn.LayerNorm(size)
        self.player = nn.GRU(size + PAST, config.hidden, batch_first=True)
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.Linear(config.hidden + size + aspect, config.head),
                nn.SiLU(),
                nn.Linear(config.head, 3 * config.mixtures),
            )
            for aspect in range(4)
        )

    def read(self, features: Tensor) -> Tensor:
        """What the player knows of each note: ``(rows, notes, FEATURES)`` → ``(rows, notes, dim)``."""
        state = self.enter(features).transpose(1, 2)
        for wide, out in zip(self.convolutions, self.leave, strict=True):
            state = state + out(F.silu(wide(state)))
        known: Tensor = self.norm(state.transpose(1, 2))
        return known

    def losses(self, batch: PlayedBatch, noise: float = 0.0) -> Tensor:
        """Nats by aspect, summed over the notes that are played ``(4,)``.

        ``noise`` spoils what the player remembers, in units: what it draws itself will not be perfect either.
        """
        known = self.read(batch.features)
        heard = batch.values.clone()
        if self.training:  # nobody can tell where in its frame a note lay
            heard[..., LATE] += FRAME * (torch.rand_like(heard[..., LATE]) - 0.5)
        past = memory(heard, batch.first)
        state, _ = self.player(torch.cat([known, past + noise * torch.randn_like(past)], dim=-1))
        anchors = references(batch.features, batch.values, batch.first)
        found = []
        for aspect, head in enumerate(self.heads):
            mixture = head(torch.cat([state, known, batch.values[..., :aspect]], dim=-1))
            value = batch.values[..., aspect] - anchors[..., aspect]
            least = LEAST_SCALE[aspect]
            nats = -(
                log_chance(mixture, value, least, FRAME) if aspect == LATE else log_likelihood(mixture, value, least)
            )
            counted = batch.real & batch.opens if aspect == TEMPO else batch.real
            found.append((nats * counted).sum())
        return torch.stack(found)


def memory(values: Tensor, first: Tensor) -> Tensor:
    """What is known before each note: the four aspects of the last one, how late the last onset's first note was.

    And, in a chord, how late its own first one is. ``(rows, notes, PAST)``.
    """
    last = F.pad(values, (0, 0, 1, 0))[:, :-1]
    rows, notes = first.shape
    place = torch.arange(notes, device=first.device).expand(rows, notes)
    head = torch.where(first, place, 0).cummax(dim=1).values  # the first note of each note's onset
    late = values[..., LATE]
    own = torch.where(first, 0.0, late.gather(1, head))
    before = F.pad(late.gather(1, head), (1, 0))[:, :-1]  # of the note before
    return torch.cat([last, before.unsqueeze(-1), own.unsqueeze(-1)], dim=-1)


def references(features: Tensor, values: Tensor, first: Tensor) -> Tensor:
    """Where a mixture's middle lies: a chord's notes around its first, loudness around what the score tells."""
    anchors = torch.zeros_like(values)
    anchors[..., LATE] = memory(values, first)[..., PAST - 1]
    anchors[..., LOUD] = features[..., KNOWN] * features[..., VELOCITY]
    return anchors


def log_likelihood(mixture: Tensor, value: Tensor, least_scale: float) -> Tensor:
    """Of ``value`` ``(…)`` under ``(…, 3 × mixtures)``: log weights, means, log scales."""
    weight, mean, scale = mixture.chunk(3, dim=-1)
    scale = soft_floor(scale, least_scale)
    z = (value.unsqueeze(-1) - mean) * torch.exp(-scale)
    log_density = -z - scale - 2 * F.softplus(-z)
    return torch.logsumexp(F.log_softmax(weight, dim=-1) + log_density, dim=-1)


def log_chance(mixture: Tensor, value: Tensor, least_scale: float, width: float) -> Tensor:
    """Of lying in the frame of ``width`` around ``value`` ``(…)``: the mixture itself is as fine as its parts.

    Source: discretised mixtures of logistics (Salimans et al. 2017).
    """
    weight, mean, scale = mixture.chunk(3, dim=-1)
    steep = torch.exp(-soft_floor(scale, least_scale))
    middle = value.unsqueeze(-1) - mean
    above, below = (middle + width / 2) * steep, (middle - width / 2) * steep
    # log(sigmoid(a) - sigmoid(b)) = logsigmoid(a) + logsigmoid(-b) + log(1 - exp(b - a))
    inside = F.logsigmoid(above) + F.logsigmoid(-below) + torch.log(-torch.expm1(-width * steep))
    return torch.logsumexp(F.log_softmax(weight, dim=-1) + inside, dim=-1)


def soft_floor(scale: Tensor, least: float) -> Tensor:
    """``scale`` where it is well above ``least``, never below that."""
    return least + F.softplus(scale - least)


def in_units(values: Tensor) -> Tensor:
    """Tempo, lateness, velocity and length ``(…, 4)`` as the model counts them."""
    middle = values.new_tensor([0.0, 0.0, VELOCITY_MEAN, 0.0])
    return (values - middle) / values.new_tensor(UNITS)
