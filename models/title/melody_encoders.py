"""Encoders of a melody, which all give one vector a tune: note by note, by counts of its values, or the style model's.

CNN, RNN, RNN with attention and transformer hear a melody note by note. Bags and the linear encoder don't hear its
order: only how often it has each interval, degree, place, duration and so on. Every one hears the same fields
(``models.title.tunes.FIELDS``); fields in ``without`` are never heard.

The style model's encoder is pooled over the bars of a tune. It makes three rows of a comparison: ``style_frozen`` takes
the trained weights as they are, ``style_tuned`` goes on from them, ``style_scratch`` has the same architecture and
nothing else. (The style model has learned from melodies of all the collections, those of test tunes among them, but
from no title.)
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import eigh
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from models.music.tokens import LOWEST_PITCH as LOWEST_KEY
from models.music.tokens import METERS as TOKEN_METERS
from models.style.features import FEATURE_SIZES, NoteBatch, bar_features
from models.style.layers import GroupEncoder, Multihot
from models.style.model import StyleConfig, StyleModel
from models.title.tunes import FIELD_SIZES, FIELDS, LONGEST, LOWEST_PITCH, IntTable

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

BAGS = (
    ("interval",), ("degree", "key"), ("pitch",), ("position", "duration"), ("degree", "position"), ("bar",),
    ("interval", "duration"), ("meter", "duration"),
)  # fmt: skip
CADENCES = (("position", "duration"), ("degree", "position"))  # of the notes of bars that end a strain
STRAIN = 8  # bars, counted from a tune's last one
FLOOR = 0.02  # of a standard deviation; below it a value is too rare to be blown up

HEARD = ("content", "rhythm", "register", "harmony")  # one voice as written has no dynamics, texture or tempo to hear
STYLE_KINDS = ("style_frozen", "style_tuned", "style_scratch")
METER_TOKENS = tuple(TOKEN_METERS.index(m) for m in ((4, 4), (3, 4), (6, 8), (9, 8), (3, 8), (4, 4)))
METER_LENGTHS = (48, 36, 36, 54, 18, 48)  # grid steps, 12 a quarter
TEMPO, VELOCITY = 48, 0.5


def padded(melodies: Sequence[IntTable]) -> Tensor:
    """Melodies as int64 ``(tunes, notes, len(FIELDS))``; notes beyond a tune's end are -1 in every field."""
    table = torch.full((len(melodies), max(map(len, melodies)), len(FIELDS)), -1, dtype=torch.int64)
    for row, notes in zip(table, melodies, strict=True):
        row[: len(notes)] = torch.from_numpy(notes.astype(np.int64))
    return table


@dataclass(frozen=True)
class MelodyConfig:
    """``hidden``: width inside; ``dim``: of the vector that comes out; ``without``: see ``title.removal``;
    ``cadences``: whether bags also hear how strains end (``CADENCES``).
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


class StyleEncoder(MelodyEncoder):
    """The style model's encoders of ``HEARD``, one layer over their means, mean and maximum over the bars."""

    def __init__(self, config: MelodyConfig) -> None:
        super().__init__(config)
        if config.without:
            raise ValueError(f"the style model hears whole bars; it cannot do without {', '.join(config.without)}")
        style = StyleConfig()
        self.encoders = nn.ModuleDict(
            {name: GroupEncoder(FEATURE_SIZES[name], style.hidden, style.latent[name]) for name in HEARD}
        )
        self.join = nn.Linear(sum(style.latent[name] for name in HEARD), config.hidden)
        self.encoders.requires_grad_(config.kind != "style_frozen")

    def transfer(self, model: StyleModel) -> None:
        """Take over the encoders of a trained model; raises ``RuntimeError`` where its sizes are others."""
        for name in HEARD:
            self.encoders[name].load_state_dict(model.encoders[name].state_dict())

    def gathered(self, notes: Tensor, there: Tensor) -> Tensor:
        """``(tunes, 2 hidden)``."""
        bar, count = bars_of(notes, there)
        features = bar_features(note_batch(notes, there, bar, count))
        means = torch.cat([self.encoders[name](features[name])[0] for name in HEARD], -1)
        x = F.gelu(self.join(self.dropout(means)))
        sounding = torch.arange(int(count.max()), device=notes.device) < count[:, None]
        table = torch.zeros(*sounding.shape, x.shape[-1], device=x.device)
        table[sounding] = x
        return mean_and_max(table, sounding)


def bars_of(notes: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """The bar of each note ``(tunes, notes)``, from 0 in each tune, and bars a tune ``(tunes,)``.

    A bar begins where positions fall back, so an excerpt without bar numbers has its bars, too.
    """
    position = notes[..., FIELDS.index("position")]
    begins = (position[:, 1:] <= position[:, :-1]) & there[:, 1:]
    bar = F.pad(begins.long().cumsum(1), (1, 0))
    return bar, torch.where(there, bar, 0).amax(1) + 1


def note_batch(notes: Tensor, there: Tensor, bar: Tensor, count: Tensor) -> NoteBatch:
    """The fields of ``models.title.tunes`` as the style model hears notes; what is unknown stands in the middle."""

    def column(name: str) -> Tensor:
        values = notes[..., FIELDS.index(name)]
        return torch.where(values < 0, FIELD_SIZES[name] // 2, values)

    meter = torch.where(notes[..., FIELDS.index("meter")] < 0, 0, notes[..., FIELDS.index("meter")]).amax(1)
    length = torch.tensor(METER_LENGTHS, device=notes.device)[meter]
    token = torch.tensor(METER_TOKENS, device=notes.device)[meter]
    first = count.cumsum(0) - count
    steps = (2 ** (column("duration") / 2) / 48 * length[:, None]).round().long().clamp(min=1)
    position = (column("position") * length[:, None] / 24).round().long()
    position = torch.minimum(position, length[:, None] - 1)
    return NoteBatch(
        bar=(bar + first[:, None])[there],
        position=position[there],
        pitch=(column("pitch") + LOWEST_PITCH - LOWEST_KEY)[there],
        steps=steps[there],
        velocity=torch.full_like(bar, 1, dtype=torch.float32)[there] * VELOCITY,
        length=length.repeat_interleave(count),
        meter=token.repeat_interleave(count),
        tempo=torch.full((int(count.sum()),), TEMPO, device=notes.device),
        clip=torch.arange(len(count), device=notes.device).repeat_interleave(count),
    )
