"""Decoding clips side by side, note by note: a batch that clips join and leave, each with what it holds on to.

The same plan alone gives the same notes again; within a batch a clip differs by floating-point rounding only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from models.music.notes import DOMAINS, Piece
from models.music.tokens import (
    BAR,
    DURATIONS,
    GRID_TICKS,
    LOWEST_PITCH,
    METERS,
    from_tokens,
)
from models.style.elements import half_of, overlap_with_halves, place_in_half
from models.style.features import slot_of
from models.style.held import Held, MelodyGuide
from models.style.latents import Latents
from models.style.layers import attend, norm, rotary
from models.style.model import BarPlan
from models.style.skeleton import Event, draw, draw_onsets, events
from models.style.windows import bar_ticks

if TYPE_CHECKING:
    from models.style.compose import Composer


@dataclass(frozen=True)
class ClipPlan:
    """One clip to decode: its bar plan (batch of one), meter, domain, sampling and how it came about."""

    bar_plan: BarPlan
    latents: Latents
    domain: int
    meter: int
    seed: int
    temperature: float
    top_p: float
    recipe: Mapping[str, Any]
    held: Held | None = None

    @property
    def bars(self) -> int:
        """Bars to compose."""
        return self.bar_plan.heard.shape[1]

    @property
    def length(self) -> int:
        """Grid steps of a bar."""
        return bar_ticks(*METERS[self.meter]) // GRID_TICKS


class DecodeBatch:
    """Clips being decoded side by side, each with its own key-value cache, generator and place; not thread-safe."""

    def __init__(self, composer: Composer, slots: int) -> None:
        self.composer, self.model = composer, composer.model
        config = self.model.config
        self.device = composer.device
        shape = (config.layers, slots, config.heads, config.max_steps, config.dim // config.heads)
        self.keys = torch.zeros(shape, device=self.device)
        self.values = torch.zeros(shape, device=self.device)
        self.plans: list[ClipPlan | None] = [None] * slots
        self.draws: list[np.random.Generator | None] = [None] * slots
        self.tokens: list[list[list[int]]] = [[] for _ in range(slots)]
        self.events: list[list[list[Event]]] = [[] for _ in range(slots)]  # of each bar
        self.done = [False] * slots
        self.bar = np.zeros(slots, dtype=np.int64)
        self.placed = np.zeros(slots, dtype=np.int64)  # notes of the bar so far
        self.sounded = np.zeros((slots, 2, 12), dtype=np.float32)  # of the bar so far, as in ``sounded_so_far``
        self.heights = np.zeros(slots, dtype=np.float32)  # sum of the bar's pitches so far, as in ``pitches_so_far``

    def admit(self, slot: int, plan: ClipPlan) -> None:
        """Start ``plan`` in a free slot."""
        if self.plans[slot] is not None:
            raise ValueError(f"slot {slot} is taken")
        self.plans[slot] = plan
        self.draws[slot] = generator = np.random.default_rng(plan.seed)
        self.events[slot] = events(draw_onsets(self.model, plan, generator), plan.length)
        self.bar[slot] = self.placed[slot] = 0
        self.done[slot] = False
        self.tokens[slot] = [self._bar_token(plan, 0)]
        self.sounded[slot] = self.heights[slot] = 0

    @torch.inference_mode()
    def step(self) -> list[int]:
        """Decode one token for every running clip; the slots that have finished with it."""
        running = [slot for slot, plan in enumerate(self.plans) if plan is not None and not self.done[slot]]
        if not running:
            return []
        rows = running[-1] + 1  # a prefix of the slots, so that the caches are views and never copied
        stand_in = self.plans[running[0]]
        plans = [plan if plan is not None else stand_in for plan in self.plans[:rows]]
        tokens = [self.tokens[slot] or self.tokens[running[0]] for slot in range(rows)]
        bars = [min(int(self.bar[slot]), plan.bars - 1) for slot, plan in enumerate(plans) if plan]
        chosen = self._next([p for p in plans if p], tokens, bars, running)
        finished = []
        for slot in running:
            plan = plans[slot]
            if plan is None:
                continue
            place = int(self.bar[slot]), int(self.placed[slot])
            fed = plan.held.fed(*place) if plan.held else None
            position, pitch, duration, velocity = fed or chosen[slot]
            full = len(self.tokens[slot]) >= self.model.config.max_steps
            if place[1] < len(self.events[slot][place[0]]) and not full:
                self.tokens[slot].append([position, pitch + LOWEST_PITCH, duration, velocity, -1, -1, -1])
                begins, steps, length = torch.tensor([position, DURATIONS[duration], plan.length])
                overlap = overlap_with_halves(begins, steps, length)
                self.sounded[slot, :, (pitch + LOWEST_PITCH) % 12] += overlap.numpy()
                self.heights[slot] += pitch / 12
                self.placed[slot] += 1
                continue
            self.bar[slot] += 1
            self.placed[slot] = 0
            self.sounded[slot] = self.heights[slot] = 0
            if self.bar[slot] < plan.bars:
                self.tokens[slot].append(self._bar_token(plan, int(self.bar[slot])))
            if self.bar[slot] >= plan.bars or full:
                self.done[slot] = True
                finished.append(slot)
        return finished

    def notes_so_far(self, slot: int) -> list[tuple[int, int, int, int]]:
        """Onset, duration (ticks), pitch and velocity of the notes decoded so far."""
        rows = from_tokens(np.array(self.tokens[slot], dtype=np.int16)).notes
        return [(int(a), int(b), int(c), int(d)) for a, b, c, d in rows]

    def take(self, slot: int) -> Piece:
        """The clip in ``slot``; frees it."""
        plan = self.plans[slot]
        if plan is None:
            raise ValueError(f"slot {slot} is empty")
        tokens = list(self.tokens[slot])
        missing = range(int(self.bar[slot]) + 1, plan.bars)
        tokens += [self._bar_token(plan, bar) for bar in missing]  # a clip cut short keeps its bars, empty
        self.release(slot)
        piece = from_tokens(np.array(tokens, dtype=np.int16))
        if plan.held is not None:
            piece = plan.held.restore(piece)
        return replace(piece, domain=DOMAINS[plan.domain], source="composed")

    def release(self, slot: int) -> None:
        """Free a slot, finished or not."""
        self.plans[slot] = None
        self.draws[slot] = None
        self.tokens[slot] = []
        self.events[slot] = []
        self.done[slot] = False

    def _uniform(self, rows: int, running: list[int]) -> Tensor:
        """The next three numbers of each running clip's own generator, ``(rows, 3)``."""
        uniform = torch.zeros(rows, 3)
        for slot in running:
            generator = self.draws[slot]
            if generator is not None:
                uniform[slot] = torch.from_numpy(generator.random(3, dtype=np.float32))
        return uniform

    def _bar_token(self, plan: ClipPlan, bar: int) -> list[int]:
        tempo = int(plan.bar_plan.tempo_logits[0, bar].argmax())
        return [BAR, -1, -1, -1, tempo, plan.meter, plan.length]

    def _next(
        self, plans: list[ClipPlan], tokens: list[list[list[int]]], bars: list[int], running: list[int]
    ) -> list[list[int]]:
        """Position, pitch (0-87), duration and velocity class of the note that comes next in each row.

        What it says of rows whose bar has no more notes means nothing, but their last step is heard.
        """
        model, device = self.model, self.device
        rows = torch.arange(len(plans), device=device)
        last = torch.tensor([[row[-1]] for row in tokens], device=device)
        at = torch.tensor([len(row) - 1 for row in tokens], device=device).clamp(max=model.config.max_steps - 1)
        domain = torch.tensor([plan.domain for plan in plans], device=device)
        length = torch.tensor([plan.length for plan in plans], device=device)
        bar_plans = [plan.bar_plan for plan in plans]
        memory, heard, chroma, span = (
            torch.stack([part[0, b] for part, b in zip(parts, bars, strict=True)])
            for parts in zip(*((p.memory, p.heard, p.chroma, p.span) for p in bar_plans), strict=True)
        )
        last_position = last[:, 0, 0]
        own_slot = slot_of(torch.where(last_position == BAR, 0, last_position), length)
        before, after = torch.tensor([self._events_at(row, bar) for row, bar in enumerate(bars)], device=device).unbind(
            1
        )
        told = model.embed_steps(last, domain, memory[rows, own_slot][:, None], before[:, None, 1:])
        state = self._attend(told, heard[:, None], at, running)
        position, coming = after[:, 0], after[:, 1:]

        uniform = self._uniform(len(plans), running).to(device)
        heat = torch.tensor([plan.temperature for plan in plans], device=device)
        top_p = torch.tensor([plan.top_p for plan in plans], device=device)
        full = model.before_note(state, memory[rows, slot_of(position, length)], coming)
        half = half_of(position, length)
        sounded = torch.from_numpy(self.sounded[: len(plans)]).to(device)[rows, half]
        harmony = model.budget(chroma[rows, half], sounded, place_in_half(position, length))
        total, placed = (torch.from_numpy(x[: len(plans)]).to(device) for x in (self.heights, self.placed))
        height = model.height(span, total, placed, position / length)
        floor = torch.where(position == last_position, last[:, 0, 1] - LOWEST_PITCH, -1)
        pitch_logits = model.pitch_logits(full, model.experts(harmony, height), position, floor, coming[:, 0])
        guides = [(row, guide) for row in running if (guide := _guide(plans[row], bars[row])) is not None]
        for row, guide in guides:
            pitch_logits[row] = guide.pitches(pitch_logits[row], bars[row], int(position[row]), int(coming[row, 0]))
        pitch = draw(pitch_logits, uniform[:, 0], heat, top_p)
        duration_logits = model.duration_logits(full, position, pitch)
        for row, guide in guides:
            duration_logits[row] = guide.durations(duration_logits[row], bars[row], int(position[row]), int(pitch[row]))
        duration = draw(duration_logits, uniform[:, 1], heat, top_p)
        velocity = draw(model.velocity_logits(full, position, pitch, duration), uniform[:, 2], heat, top_p)
        rows_out: list[list[int]] = torch.stack([position, pitch, duration, velocity], 1).tolist()
        for row, guide in guides:
            rows_out[row] = guide.note_at(bars[row], *rows_out[row][:2]) or rows_out[row]
        return rows_out

    def _events_at(self, row: int, bar: int) -> tuple[Event, Event]:
        """The note that a row has just had in this bar and the one that comes next; -1 and 0 where there is none."""
        events, placed = self.events[row][bar] if self.events[row] else [], int(self.placed[row])
        before = events[placed - 1] if 0 < placed <= len(events) else (-1, -1, -1, -1)
        return before, events[placed] if placed < len(events) else (0, 0, 0, 0)

    def _attend(self, x: Tensor, z: Tensor, at: Tensor, running: list[int]) -> Tensor:
        """The decoder's state ``(rows, dim)`` after one more step ``x`` ``(rows, 1, dim)`` at the places ``at``."""
        cos, sin = rotary(at[:, None, None], self.model.config.dim // self.model.config.heads)
        longest = int(at.max()) + 1
        live = torch.tensor(running, device=self.device)
        place = at[live]
        mask = torch.where(torch.arange(longest, device=self.device) <= at[:, None], 0.0, -1e4)[:, None, None]
        for index, block in enumerate(self.model.blocks):
            x = x + block.latent(z)
            q, k, v = block.project(x, cos, sin)
            keys, values = self.keys[index, : len(at)], self.values[index, : len(at)]
            keys[live, :, place] = k[live, :, 0]
            values[live, :, place] = v[live, :, 0]
            x = block.finish(x, attend(q, keys[:, :, :longest], values[:, :, :longest], mask))
        state: Tensor = norm(x)[:, 0]
        return state


def _guide(plan: ClipPlan, bar: int) -> MelodyGuide | None:
    return plan.held.guide(bar) if plan.held else None
