"""How a piece model hears bar latents: a memory of time slots, which steps and heads look up, and bars to attend to.

Two levels, as in MusER (2024): what latents say of a time slot goes to the logits as such, and into the transformer,
which combines it with what has sounded. All is without biases: where nothing is told, nothing is added. Source of the
conditioning by bars: MuseMorphose (2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.music.tokens import DURATION, PITCH, PITCHES, POSITION_CLASSES, VELOCITY
from models.style.features import SLOTS
from models.style.layers import Multihot, norm

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
class Told:
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

    def to(self, device: str) -> Told:
        """The same on a device."""
        return Told(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Memory:
    """What is made of ``Told`` once, before any step: ``(batch, bars, …)``."""

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

    def enter(self, memory: Memory, told: Told, slot: Tensor) -> Tensor:
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
