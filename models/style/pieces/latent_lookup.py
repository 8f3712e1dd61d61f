"""Bar latents of pieces that are being written: looked up at each step, and kept in the cache."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.music.tokens import DURATION, PITCH, POSITIONS, VELOCITY
from models.style.features import SLOTS
from models.style.latents import TOLD_GROUPS
from models.style.pieces.bar_latents import NOTHING, BarLatents, LatentMemory, Memory, RowLatents
from models.style.pieces.conditions import IntArray
from models.style.pieces.model import Cache, PieceModel

Floats = npt.NDArray[np.float32]


class LatentLookup:
    """The latents of some pieces' bars, ``latents`` one for each; bars are counted from 1, the first whole one.

    With ``guided`` groups each comes once more without these, after all others.
    """

    def __init__(
        self, model: PieceModel, latents: Sequence[BarLatents], before: IntArray, guided: Sequence[str] = ()
    ) -> None:
        if model.latents is None:
            raise ValueError("this piece model hears no latents; train one with --latents, or leave them out")
        self.model, self.layer = model, model.latents
        sizes, pieces = model.config.latents, len(latents)
        kept = ~np.isin(TOLD_GROUPS, guided)
        every = [*latents, *(BarLatents(each.values, each.told & kept, each.doubt) for each in latents if guided)]
        places = np.concatenate([before] * (2 if guided else 1))
        self.bars = max(len(each.told) for each in every)
        heard = np.zeros((len(every), self.bars + 1, self.layer.sizes.heard), dtype=np.float32)
        self.told = np.zeros((len(every), self.bars + 1), dtype=bool)
        for row, each in enumerate(every):
            heard[row, 1 : len(each.told) + 1] = each.heard(sizes)
            self.told[row, 1 : len(each.told) + 1] = each.told.any(1)
        place = (places[:, None] + np.arange(self.bars + 1)).astype(np.float32)
        keys = [heard[row].tobytes() + place[row].tobytes() for row in range(len(every))]
        first = {key: row for row, key in reversed(list(enumerate(keys)))}
        chosen = sorted(first.values())
        number = {row: n for n, row in enumerate(chosen)}
        self.which = np.array([number[first[key]] for key in keys])  # of each row, among those that differ
        self.pieces, self.told, self.place = pieces, self.told[chosen], place[chosen]
        device = next(model.parameters()).device
        self.device = device
        with torch.inference_mode():
            self.memory: Memory = self.layer(torch.from_numpy(heard[chosen]).to(device))
        self.tables = Tables.of(self.layer, self.memory) if device.type == "cpu" else None

    def choose(self, source: IntArray) -> None:
        """Each piece is told what ``source`` ``(pieces,)`` was."""
        halves = self.which.reshape(-1, self.pieces)
        self.which = halves[:, source].flatten()

    def bars_of(self, number: IntArray) -> tuple[IntArray, IntArray]:
        """The own and the coming bars of steps in the bars that are the ``number``-th since the place, 0 before any."""
        own = np.where((number > 0) & (number <= self.bars), number, NOTHING)
        coming = np.where((number >= 0) & (number < self.bars), number + 1, NOTHING)
        return own, coming

    @torch.inference_mode()
    def fill(self, cache: Cache, rows: IntArray) -> None:
        """Put the bars of which something is told, of ``rows`` of ``which``, before all steps in an empty ``cache``."""
        which, angles = self.which[rows], self.model.bar_angles(torch.from_numpy(self.place).to(self.device))
        order = np.argsort(~self.told, axis=1, kind="stable")[:, : int(self.told.sum(1).max())]
        index = torch.from_numpy(order).to(self.device)
        kept_rows = torch.from_numpy(which).to(self.device)
        for layer in range(len(self.model.blocks)):
            entries = self.layer.entries(self.memory, layer, *angles)
            for kept, each in zip((cache.keys, cache.values), entries, strict=True):
                found = torch.take_along_dim(each, index[:, None, :, None], 2)
                kept[layer, :, :, : found.shape[2]] = found[kept_rows]
        cache.at += torch.from_numpy(self.told.sum(1)[which]).to(self.device)

    def steps(self, rows: IntArray, number: IntArray, *, begin: bool = False) -> tuple[RowLatents, Memory]:
        """For ``PieceModel.forward``: steps ``(rows, steps)`` in the bars ``number`` of ``rows`` of ``which``.

        Where they ``begin`` the first stands before the bar that comes, and in none.
        """
        own, coming = self.bars_of(number)
        if begin:
            own[:, 0] = NOTHING
        which = torch.from_numpy(self.which[rows]).to(self.device)
        memory = Memory(*(getattr(self.memory, name)[which] for name in ("inner", "slots", "onsets")))
        nothing = torch.zeros(0)
        own_bars, next_bars = (torch.from_numpy(each).to(self.device) for each in (own, coming))
        return RowLatents(nothing, own_bars, next_bars, nothing, nothing), memory


class Tables:
    """What each memory says of each bar and slot, ready for use; float32 arrays ``(memories, bars, …)``."""

    def __init__(self, layer: LatentMemory, memory: Memory) -> None:
        def array(found: Tensor) -> Floats:
            return found.detach().float().numpy()

        self.own, self.coming = array(layer.own_in(memory.inner)), array(layer.coming_in(memory.inner))
        self.slot, self.next_slot = array(layer.slot_in(memory.slots)), array(layer.next_slot_in(memory.slots))
        self.given = {
            element: array(layer.given[str(element)](memory.slots)) for element in (PITCH, DURATION, VELOCITY)
        }
        self.pitches = array(layer.pitches(memory.slots))
        self.memory, self.layer = memory, layer

    @classmethod
    @torch.inference_mode()
    def of(cls, layer: LatentMemory, memory: Memory) -> Tables:
        """Of all memories."""
        return cls(layer, memory)

    def entering(self, which: IntArray, own: IntArray, coming: IntArray, slot: IntArray) -> Floats:
        """What ``LatentMemory.enter`` adds to one step of each row, ``(rows, dim)``."""
        last = slot == SLOTS - 1
        later = self.next_slot[which, np.where(last, coming, own), np.where(last, 0, slot + 1)]
        return self.own[which, own] + self.coming[which, coming] + self.slot[which, own, slot] + later

    @torch.inference_mode()
    def onset_logits(self, which: IntArray, own: IntArray, last: IntArray) -> Floats:
        """``LatentMemory.onset_logits``."""
        found = self.layer.onset_logits(self.memory.onsets[which, own], torch.from_numpy(last))
        return found.float().numpy()


def slot_of_classes(position: IntArray, length: IntArray) -> IntArray:
    """``features.slot_of`` of positions; the first slot for a BAR step and before any."""
    slot = np.clip(position * SLOTS // np.maximum(length, 1), 0, SLOTS - 1)
    found: IntArray = np.where(position >= POSITIONS, 0, slot)
    return found
