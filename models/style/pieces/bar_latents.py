"""What a piece model is told of each bar's latents: those of the frozen style encoder, and the tune; sure to absent.

A group's latents are its posterior's means, in units of how much the means vary (``SMALLEST`` at least: a dimension
that has collapsed is nothing but noise). The tune is the top line in time slots, in semitones about its own mean over a
window, since content knows each bar's contour but not how bars lie to each other. A group may be told of a bar surely,
with noise of known size (its *doubt*), or not at all; conditioning augmentation: Ho et al. 2022.

Windows are eight whole bars from the first one heard, as those of clips; a bar that is no whole one is never told.

``LatentMemory`` is the part of the model that hears them, on two levels, as in MusER (2024): what latents say of a time
slot goes to the logits as such, and into the transformer, which combines it with what has sounded. It has no biases:
where nothing is told, nothing is added. Conditioning by bars: MuseMorphose (2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.music.tokens import (
    BAR,
    DURATION,
    LENGTH,
    METER,
    PITCH,
    PITCHES,
    POSITION,
    POSITION_CLASSES,
    VELOCITY,
    TokenArray,
)
from models.style.features import SLOTS, bar_features, notes_of, top_line
from models.style.latents import BARS, GROUPS, TOLD_GROUPS, Latents
from models.style.layers import Multihot, norm
from models.style.model import StyleModel
from models.style.pieces.conditions import WHOLE

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]


SMALLEST = 0.3
SEMITONES = 6.0  # of the tune, in a unit
NOISE = 0.15  # of the posterior's own, which training adds to what is told surely; of the tune a tenth of a unit
TUNE_NOISE = 0.1


@dataclass(frozen=True)
class Shares:
    """Of the parts that are trained on: told ``nothing``, ``everything``, one or two groups (``few``).

    Of the others each group is told in a half. In ``every_bar`` of them what is told is told of all bars, else of a
    span, or of all but a span. In ``doubted`` it is doubted, by group, from not at all to wholly.
    """

    nothing: float = 0.25
    everything: float = 0.3
    few: float = 0.25
    every_bar: float = 0.6
    doubted: float = 0.35


SHARES = Shares()


@dataclass(frozen=True)
class BarLatents:
    """Of some bars: ``values`` float32 ``(bars, dims)`` by group, ``told`` ``(bars, groups)``, ``doubt`` likewise.

    ``doubt`` is the size of the noise that ``values`` have, in units.
    """

    values: Floats
    told: Bools
    doubt: Floats

    def heard(self, sizes: Sequence[int]) -> Floats:
        """What the model hears of each bar, ``(bars, heard_size(sizes))``: all zero where nothing is told."""
        told = self.told.astype(np.float32)
        return np.concatenate([self.values * np.repeat(told, sizes, axis=1), told, self.doubt * told], axis=1)


def heard_size(sizes: Sequence[int]) -> int:
    """Numbers that the model hears of a bar with groups of these ``sizes``."""
    return sum(sizes) + 2 * len(sizes)


@dataclass(frozen=True)
class Reader:
    """Reads bar latents off tokens: the frozen ``encoder``, and the ``scale`` ``(latents,)`` of its means.

    With a generator of ``noise`` they have ``NOISE`` of the posterior's.
    """

    encoder: StyleModel
    scale: Tensor
    noise: np.random.Generator | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """Dimensions of each of ``TOLD_GROUPS``."""
        return (*(self.encoder.config.latent[group] for group in GROUPS), SLOTS)

    @torch.inference_mode()
    def tempo(self, latents: BarLatents) -> int:
        """The class of the tempo that the first bar is told."""
        edge = sum(self.sizes[: TOLD_GROUPS.index("tempo")])
        told = torch.from_numpy(latents.values[:1, edge : edge + 1]) * self.scale[edge]
        return int(self.encoder.tempo.logits(told.to(self._device)).argmax())

    @property
    def _device(self) -> torch.device:
        """Where the encoder is; what is read lies on the CPU."""
        return next(self.encoder.parameters()).device

    @torch.inference_mode()
    def read(self, pieces: Sequence[TokenArray]) -> list[BarLatents]:
        """The latents of each bar of each of ``pieces`` ``(steps, 7)``: all but pickups' are told, none is doubted."""
        tokens = np.concatenate(pieces).astype(np.int64)
        heads = tokens[tokens[:, POSITION] == BAR]
        counts = [int((each[:, POSITION] == BAR).sum()) for each in pieces]
        whole = heads[:, LENGTH] == WHOLE[heads[:, METER]]
        notes = notes_of(torch.from_numpy(tokens), torch.from_numpy(_windows(whole, counts)))
        posterior = self.encoder.encode({name: each.to(self._device) for name, each in bar_features(notes).items()})
        means = (posterior.mean.cpu() / self.scale).numpy()
        lines = top_line(notes)
        sounds = (lines > 0).any(1).numpy()
        mean = _mean_line(lines.float(), notes.clip)
        tune = ((lines - mean) / SEMITONES * (lines > 0)).numpy().astype(np.float32)
        if (noise := self.noise) is not None:
            deviation = ((0.5 * posterior.log_variance).exp().cpu() / self.scale).numpy()
            means = means + NOISE * deviation * noise.standard_normal(means.shape, dtype=np.float32)
            tune = tune + TUNE_NOISE * noise.standard_normal(tune.shape, dtype=np.float32)
        told = np.repeat(whole[:, None], len(TOLD_GROUPS), axis=1)
        told[:, -1] &= sounds
        values = np.concatenate([means, tune], axis=1).astype(np.float32)
        edges = np.cumsum(counts)[:-1]
        doubt = np.zeros(told.shape, dtype=np.float32)
        parts = (np.split(each, edges) for each in (values, told, doubt))
        return [BarLatents(*each) for each in zip(*parts, strict=True)]

    def stored(self, latents: Latents, tune: TokenArray | None = None) -> BarLatents:
        """Those that a clip is stored with, all told; the tune of the tokens ``tune``, untold without these."""
        scaled = np.concatenate([latents.groups[group] for group in GROUPS], axis=1) / self.scale.numpy()
        told = np.ones((latents.bars, len(TOLD_GROUPS)), dtype=bool)
        line = np.zeros((latents.bars, SLOTS), dtype=np.float32)
        told[:, -1] = tune is not None
        if tune is not None:
            (read,) = self.read([tune])
            line, told[:, -1] = read.values[: latents.bars, -SLOTS:], read.told[: latents.bars, -1]
        return BarLatents(
            np.concatenate([scaled, line], axis=1).astype(np.float32), told, np.zeros(told.shape, np.float32)
        )

    def of_group(self, group: str, latents: Floats) -> BarLatents:
        """One group's ``latents`` ``(bars, dims)``, told surely, and nothing else."""
        place, bars = TOLD_GROUPS.index(group), len(latents)
        first = sum(self.sizes[:place])
        dims = slice(first, first + self.sizes[place])
        values = np.zeros((bars, sum(self.sizes)), dtype=np.float32)
        values[:, dims] = latents / self.scale.numpy()[dims]
        told = np.zeros((bars, len(TOLD_GROUPS)), dtype=bool)
        told[:, place] = True
        return BarLatents(values, told, np.zeros(told.shape, np.float32))


def tune_correlation(asked: BarLatents, written: BarLatents) -> float:
    """How the top line of what was ``written`` goes with the one that was told, -1 to 1; 0 where none was told."""
    bars = min(len(asked.told), len(written.told))
    told = asked.told[:bars, -1]
    own, got = (each.values[:bars, -SLOTS:][told].flatten() for each in (asked, written))
    if not told.any() or own.std() == 0 or got.std() == 0:
        return 0.0
    return float(np.corrcoef(own, got)[0, 1])


def _windows(whole: Bools, counts: Sequence[int]) -> npt.NDArray[np.int64]:
    """The number of each bar's window, over all pieces: ``BARS`` bars from a piece's first whole one on."""
    found, first = np.empty(len(whole), dtype=np.int64), 0
    number = 0
    for count in counts:
        before = int(np.argmax(whole[first : first + count])) if whole[first : first + count].any() else 0
        window = np.where(np.arange(count) < before, 0, (before > 0) + (np.arange(count) - before) // BARS)
        found[first : first + count] = number + window
        first, number = first + count, number + int(window[-1]) + 1
    return found


def _mean_line(lines: Tensor, window: Tensor) -> Tensor:
    """The mean of the top line over each bar's window ``(bars, 1)``, of bars that sound."""
    size = int(window[-1]) + 1
    sounding = (lines > 0).float()
    total = torch.zeros(size).index_add_(0, window, (lines * sounding).sum(1))
    count = torch.zeros(size).index_add_(0, window, sounding.sum(1))
    return (total / count.clamp(min=1))[window, None]


def scale_of(encoder: StyleModel, pieces: Sequence[TokenArray]) -> Tensor:
    """The deviation of the means of each latent over the whole bars of ``pieces``, ``SMALLEST`` at least."""
    plain = Reader(encoder, torch.ones(encoder.config.latent_dim))
    read = plain.read(pieces)
    means = np.concatenate([each.values[each.told[:, 0], :-SLOTS] for each in read])
    return torch.from_numpy(np.maximum(means.std(0), SMALLEST).astype(np.float32))


def drop(
    latents: BarLatents,
    rng: np.random.Generator,
    sizes: Sequence[int],
    never: Sequence[str] = (),
) -> BarLatents:
    """As the model is told them in training: some groups of some bars, some of them doubted.

    ``never``: groups that are not told at all.
    """
    bars, groups = latents.told.shape
    chosen = _groups(groups, rng)
    chosen &= np.array([name not in never for name in TOLD_GROUPS])
    told = latents.told & chosen & _bars(bars, rng)[:, None]
    if not told.any() or rng.random() >= SHARES.doubted:
        return BarLatents(latents.values, told, latents.doubt)
    size = rng.random() if rng.random() < 0.5 else rng.random(groups)
    doubt = np.broadcast_to(np.asarray(size, dtype=np.float32), told.shape)
    noise = rng.standard_normal(latents.values.shape, dtype=np.float32)
    return BarLatents(latents.values + np.repeat(doubt, sizes, axis=1) * noise, told, doubt)


def _groups(count: int, rng: np.random.Generator) -> Bools:
    drawn = rng.random()
    if drawn < SHARES.nothing:
        return np.zeros(count, dtype=bool)
    if drawn < SHARES.nothing + SHARES.everything:
        return np.ones(count, dtype=bool)
    if drawn < SHARES.nothing + SHARES.everything + SHARES.few:
        return np.isin(np.arange(count), rng.permutation(count)[: rng.integers(1, 3)])
    return rng.random(count) < 0.5


def _bars(count: int, rng: np.random.Generator) -> Bools:
    if rng.random() < SHARES.every_bar:
        return np.ones(count, dtype=bool)
    first, last = np.sort(rng.integers(0, count + 1, 2))
    inside = (np.arange(count) >= first) & (np.arange(count) < last)
    found: Bools = inside if rng.random() < 0.5 else ~inside
    return found


NOTHING = 0  # the place of the bar of which nothing is told


@dataclass(frozen=True)
class LatentSizes:
    """Numbers heard of a bar, how many of them are scaled latents, and the widths of what is made of them."""

    heard: int
    scale: int
    inner: int = 768
    slot: int = 128
    entry: int = 128
    onsets: int = 256


@dataclass(frozen=True)
class RowLatents:
    """Latents of the bars of some rows, and which of them each step lies in; bar ``NOTHING`` of each row is untold.

    ``heard`` float32 ``(batch, bars, heard)``; ``own`` and ``coming`` int64 ``(batch, steps)``: a step's own bar, and
    the next. To attend to: ``place`` float32 ``(batch, bars)``, the bar's place in bars, and ``part`` int64
    ``(batch, bars)``, which steps hear it, as in ``Steps.part``; -1 for none.
    """

    heard: Tensor
    own: Tensor
    coming: Tensor
    place: Tensor
    part: Tensor

    def to(self, device: str) -> RowLatents:
        """The same on a device."""
        return RowLatents(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Memory:
    """What is made of ``RowLatents`` once, before any step: ``(batch, bars, …)``."""

    inner: Tensor
    slots: Tensor  # (batch, bars, SLOTS, slot)
    onsets: Tensor


class LatentMemory(nn.Module):
    """See the module docstring; ``scale``: ``bar_latents.Reader``'s."""

    scale: Tensor

    def __init__(self, sizes: LatentSizes, dim: int, layers: int, heads: int) -> None:
        super().__init__()
        self.sizes, self.heads = sizes, heads
        self.register_buffer("scale", torch.ones(sizes.scale))
        self.inner = nn.Linear(sizes.heard, sizes.inner, bias=False)
        self.deep = nn.ModuleList([nn.Linear(sizes.inner, sizes.inner, bias=False) for _ in range(2)])
        self.slots = nn.Linear(sizes.inner, SLOTS * sizes.slot, bias=False)
        self.own_in, self.coming_in = (nn.Linear(sizes.inner, dim, bias=False) for _ in range(2))
        self.slot_in, self.next_slot_in = (nn.Linear(sizes.slot, dim, bias=False) for _ in range(2))
        self.entry = nn.Linear(sizes.inner, sizes.entry, bias=False)
        self.keys = nn.ModuleList([nn.Linear(sizes.entry, dim, bias=False) for _ in range(layers)])
        self.values = nn.ModuleList([nn.Linear(sizes.entry, dim, bias=False) for _ in range(layers)])
        self.of_bar = nn.Linear(sizes.inner, sizes.onsets, bias=False)
        self.last = Multihot([POSITION_CLASSES], sizes.onsets)
        self.onsets = nn.Linear(sizes.onsets, POSITION_CLASSES, bias=False)
        self.pitches = nn.Linear(sizes.slot, PITCHES, bias=False)
        self.given = nn.ModuleDict(
            {str(element): nn.Linear(sizes.slot, dim, bias=False) for element in (PITCH, DURATION, VELOCITY)}
        )
        deaf = (self.own_in, self.coming_in, self.slot_in, self.next_slot_in, self.onsets, self.pitches)
        for layer in (*deaf, *self.values, *self.given.values()):  # at first it says nothing
            nn.init.zeros_(layer.weight)

    def forward(self, heard: Tensor) -> Memory:
        """What the latents of bars ``(batch, bars, heard)`` say."""
        inner = F.silu(norm(self.inner(heard.to(self.inner.weight.dtype))))
        for layer in self.deep:
            inner = inner + F.silu(norm(layer(inner)))
        slots = norm(self.slots(inner).unflatten(-1, (SLOTS, self.sizes.slot)))
        return Memory(inner, slots, self.of_bar(inner))

    def enter(self, memory: Memory, told: RowLatents, slot: Tensor) -> Tensor:
        """What is added to steps ``(batch, steps, dim)`` in the time ``slot`` ``(batch, steps)`` of their bars."""
        row = torch.arange(len(slot), device=slot.device)[:, None]
        last = slot == SLOTS - 1
        following = torch.where(last, told.coming, told.own)
        own, later = memory.slots[row, told.own, slot], memory.slots[row, following, torch.where(last, 0, slot + 1)]
        bars = self.own_in(memory.inner)[row, told.own] + self.coming_in(memory.inner)[row, told.coming]
        found: Tensor = bars + self.slot_in(own) + self.next_slot_in(later)
        return found

    def entries(self, memory: Memory, layer: int, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of the bars for one ``layer``: ``(batch, heads, bars, head_dim)``; turned by bars alone.

        ``cos`` and ``sin`` ``(batch, 1, bars, head_dim / 4)`` are of the half of the angles that counts bars.
        """
        entry = F.silu(self.entry(memory.inner))
        keys, values = (
            each[layer](entry).unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in (self.keys, self.values)
        )
        # of each half the angles that count steps come first: nothing of these is heard
        (a_steps, a), (_, b) = (half.chunk(2, -1) for half in keys.chunk(2, -1))
        cos, sin = cos.to(keys.dtype), sin.to(keys.dtype)
        still = torch.zeros_like(a_steps)
        return torch.cat([still, a * cos - b * sin, still, a * sin + b * cos], -1), values

    def onset_logits(self, of_bar: Tensor, last: Tensor) -> Tensor:
        """What a bar's latents say of the position after ``last`` ``(rows,)``: ``(rows, POSITION_CLASSES)``.

        ``of_bar`` ``(rows, onsets)`` is of ``Memory.onsets``.
        """
        told = of_bar.abs().amax(-1, keepdim=True) > 0
        inner = F.gelu(of_bar + self.last([last]), approximate="tanh") * told
        found: Tensor = self.onsets(inner)
        return found
