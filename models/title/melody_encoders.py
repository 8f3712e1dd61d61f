"""Encoders of a melody, note by note: CNN, RNN, RNN with attention, transformer; all give one vector a tune.

Every one hears the same fields (``models.title.tunes.FIELDS``); fields in ``without`` are never heard.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from models.style.layers import Multihot
from models.title.tunes import FIELD_SIZES, FIELDS, LONGEST

INFORMATION: Mapping[str, tuple[str, ...]] = {
    "pitch": ("interval", "degree", "pitch", "key"),
    "absolute_pitch": ("degree", "pitch", "key"),
    "all_but_intervals": ("degree", "pitch", "position", "duration", "bar", "meter", "key"),
    "rhythm": ("position", "duration"),
    "meter": ("meter",),
    "key": ("degree", "key"),
    "bars": ("position", "bar", "meter"),
}
ALIKE = 32  # tunes


@dataclass(frozen=True)
class MelodyConfig:
    """``hidden``: width inside; ``dim``: of the vector that comes out; ``without``: see ``title.removal``;
    ``cadences``: whether bags also hear how strains end (``title.melody_bags``).
    """

    kind: str = "cnn"
    hidden: int = 96
    dim: int = 64
    layers: int = 3
    dropout: float = 0.2
    without: tuple[str, ...] = ()
    cadences: bool = False


def unheard(config: MelodyConfig) -> Tensor:
    """Which fields the encoder never hears: bool ``(fields,)``."""
    return torch.tensor([any(field in INFORMATION.get(name, ()) for name in config.without) for field in FIELDS])


class MelodyEncoder(nn.Module, ABC):
    """Notes int64 ``(tunes, notes, fields)``, -1 for unknown and padding → ``(tunes, dim)``."""

    silenced: Tensor

    def __init__(self, config: MelodyConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("silenced", unheard(config), persistent=False)
        self.dropout = nn.Dropout(config.dropout)
        self.out = nn.Linear(2 * config.hidden, config.dim)

    def forward(self, notes: Tensor) -> Tensor:
        """Vectors of the tunes, not normalised."""
        vectors: Tensor = self.out(self.dropout(self.pooled(notes)))
        return vectors

    def pooled(self, notes: Tensor) -> Tensor:
        """What is known of each tune before it is made comparable with titles: ``(tunes, 2 hidden)``.

        Tunes of like length are heard together, so that little time goes to padding.
        """
        there = (notes >= 0).any(-1)
        order = there.sum(1).argsort(stable=True)
        heard = notes.masked_fill(self.silenced, -1)
        alike = len(order) if notes.is_cuda else ALIKE  # a GPU would wait for many small kernels
        together = torch.split(order, alike)
        ends = [int(there[rows].sum(1).max()) for rows in together]
        parts = [self.gathered(heard[rows, :end], there[rows, :end]) for rows, end in zip(together, ends, strict=True)]
        return torch.cat(parts)[order.argsort()]

    @abstractmethod
    def gathered(self, notes: Tensor, there: Tensor) -> Tensor:
        """The same, of the fields that may be heard; ``there`` ``(tunes, notes)`` is False for padding."""


class SequenceEncoder(MelodyEncoder):
    """A body of ``BODIES`` over embedded notes."""

    def __init__(self, config: MelodyConfig) -> None:
        super().__init__(config)
        self.embed = Multihot([FIELD_SIZES[name] for name in FIELDS], config.hidden)
        nn.init.normal_(self.embed.weight, std=0.3)
        self.body = BODIES[config.kind](config)

    def gathered(self, notes: Tensor, there: Tensor) -> Tensor:
        """What the body makes of the notes."""
        x = self.dropout(self.embed(list(notes.unbind(-1))))
        pooled: Tensor = self.body(x * there[..., None], there)
        return pooled


def mean_and_max(x: Tensor, there: Tensor) -> Tensor:
    """Mean and maximum over the notes that are ``there``: ``(tunes, notes, d)`` → ``(tunes, 2 d)``."""
    weight = there[..., None].to(x.dtype)
    mean = (x * weight).sum(1) / weight.sum(1).clamp(min=1)
    most = x.masked_fill(~there[..., None], -1e4).amax(1)
    return torch.cat([mean, most], -1)


class Convolutions(nn.Module):
    """Residual convolutions over five notes, each twice as wide apart as the one before."""

    def __init__(self, config: MelodyConfig) -> None:
        super().__init__()
        d = config.hidden
        self.layers = nn.ModuleList(
            nn.Conv1d(d, d, 5, padding=2 * 2**layer, dilation=2**layer) for layer in range(config.layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(d) for _ in range(config.layers))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        """``(tunes, notes, d)`` → ``(tunes, 2 d)``."""
        for convolution, norm in zip(self.layers, self.norms, strict=True):
            y = convolution((norm(x) * there[..., None]).transpose(1, 2)).transpose(1, 2)
            x = x + self.dropout(F.gelu(y))
        return mean_and_max(x, there)


class Recurrence(nn.Module):
    """A bidirectional GRU; its last states stand for the tune."""

    def __init__(self, config: MelodyConfig) -> None:
        super().__init__()
        self.gru = nn.GRU(config.hidden, config.hidden, batch_first=True, bidirectional=True)

    def states(self, x: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """States at every note ``(tunes, notes, 2 d)`` and the last ones of both directions ``(tunes, 2 d)``."""
        packed = pack_padded_sequence(x, there.sum(1).cpu(), batch_first=True, enforce_sorted=False)
        states, last = self.gru(packed)
        unpacked = pad_packed_sequence(states, batch_first=True, total_length=x.shape[1])[0]
        return unpacked, torch.cat([last[0], last[1]], -1)

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        """``(tunes, notes, d)`` → ``(tunes, 2 d)``."""
        return self.states(x, there)[1]


class AttentiveRecurrence(Recurrence):
    """The same GRU; what stands for the tune is a learned weighting of its notes (Bahdanau et al. 2015)."""

    def __init__(self, config: MelodyConfig) -> None:
        super().__init__(config)
        self.query = nn.Sequential(nn.Linear(2 * config.hidden, config.hidden), nn.Tanh(), nn.Linear(config.hidden, 1))

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        """``(tunes, notes, d)`` → ``(tunes, 2 d)``."""
        states, _ = self.states(x, there)
        weight = self.query(states)[..., 0].masked_fill(~there, -1e4).softmax(-1)
        summed: Tensor = (weight[..., None] * states).sum(1)
        return summed


class Attention(nn.Module):
    """A small pre-norm transformer with learned places."""

    def __init__(self, config: MelodyConfig) -> None:
        super().__init__()
        d = config.hidden
        self.place = nn.Parameter(torch.randn(LONGEST, d) * 0.1)
        layer = nn.TransformerEncoderLayer(
            d, 4, 2 * d, config.dropout, activation="gelu", batch_first=True, norm_first=True
        )
        layer.self_attn.dropout = 0.0  # of the weights; without it attention is fused
        self.layers = nn.TransformerEncoder(layer, config.layers - 1, enable_nested_tensor=False)

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        """``(tunes, notes, d)`` → ``(tunes, 2 d)``."""
        x = self.layers(x + self.place[: x.shape[1]], src_key_padding_mask=~there)
        return mean_and_max(x, there)


BODIES: Mapping[str, type[nn.Module]] = {
    "cnn": Convolutions,
    "rnn": Recurrence,
    "attention": AttentiveRecurrence,
    "transformer": Attention,
}
