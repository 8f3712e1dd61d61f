"""Decoding clips side by side, note by note: a batch that clips join and leave, each with what it holds on to.

The same plan alone gives the same notes again; within a batch a clip differs by floating-point rounding only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from models.music.notes import DOMAINS, Piece
from models.music.tokens import (
    BAR,
    DURATIONS,
    LOWEST_PITCH,
    PITCH,
    POSITION,
    from_tokens,
)
from models.style.clip_plan import ClipPlan
from models.style.constraints import MelodyConstraint
from models.style.elements import half_of, place_in_half, sounds_in_halves
from models.style.features import REACH, SLOTS, overlap_with_halves, slot_of
from models.style.latents import EMPHASIS
from models.style.layers import attend, norm, rotary
from models.style.model import StyleModel
from models.style.skeleton import Event, draw, draw_onsets, events

NONE: Event = (-1, -1, -1, -1)
NOTHING = [BAR, -1, -1, -1, 0, 0, 1, 0, 0, 1, 1]  # a free slot: its step, place, notes so far, left of half bar and bar


@dataclass
class Decoding:
    """A clip that is being decoded: its plan, its own generator, the notes to be of each bar, how far it has come."""

    plan: ClipPlan
    generator: np.random.Generator
    events: list[list[Event]]
    counts: Tensor  # (bars,): notes of each
    chroma: Tensor  # (bars, 2, 2, 12): ``StyleModel.with_next`` of the plan's
    height: Tensor  # (bars, 4) and (bars, 3): the plan's, moved to how many notes its bars have
    loudness: Tensor
    tokens: list[list[int]]
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0])  # of its heights and levels of velocity so far
    bar: int = 0
    placed: int = 0  # notes of the bar so far
    done: bool = False

    @property
    def before(self) -> Event:
        """The note that came last in this bar; -1 where none did."""
        return self.events[self.bar][self.placed - 1] if self.placed else NONE

    @property
    def due(self) -> Event | None:
        """The note that comes next; None where the bar has no more."""
        return self.events[self.bar][self.placed] if self.placed < len(self.events[self.bar]) else None

    @property
    def left(self) -> int:
        """Notes that the half bar of the next one is still to have, that one among them."""
        coming = [position * 2 >= self.plan.length for position, *_ in self.events[self.bar][self.placed :]]
        return coming.count(coming[0]) if coming else 1

    def still(self, levels: Tensor, so_far: float) -> Tensor:
        """``levels`` ``(bars, …)`` of the bar that begins, moved so that the whole clip comes to the mean asked for.

        ``so_far`` is the sum of its values in the bars before.
        """
        coming = self.counts[self.bar :]
        asked = levels[0, -1] * self.counts.sum() - so_far - (coming * levels[self.bar :, 0]).sum()
        mean = levels[self.bar, :1] + asked / coming.sum().clamp(min=1)
        return torch.cat([mean, levels[self.bar, 1:]])

    @property
    def guide(self) -> MelodyConstraint | None:
        """What steers drawing in this bar."""
        return self.plan.held.guide(self.bar) if self.plan.held else None

    @property
    def fed(self) -> list[int] | None:
        """The locked note that comes next."""
        return self.plan.held.fed(self.bar, self.placed) if self.plan.held else None

    def bar_token(self, bar: int) -> list[int]:
        """The step that begins a bar."""
        tempo = int(self.plan.bar_plan.tempo_logits[0, bar].argmax())
        return [BAR, -1, -1, -1, tempo, self.plan.meter, self.plan.length]


class DecodeBatch:
    """Clips being decoded side by side, each in a slot with its own key-value cache; not thread-safe.

    What free slots hold is computed along and means nothing.
    """

    def __init__(self, model: StyleModel, device: str, slots: int) -> None:
        self.model, self.device = model, device
        config = self.model.config
        self.clips: list[Decoding | None] = [None] * slots
        shape = (config.layers, slots, config.heads, config.max_steps, config.dim // config.heads)
        self.keys, self.values = self._room(*shape), self._room(*shape)
        self.durations = torch.as_tensor(DURATIONS, device=self.device)
        # of each clip, and of the bar that it is in
        self.domain, self.length = self._room(slots).long(), self._room(slots).long() + 1
        self.heat, self.top_p = self._room(slots), self._room(slots)
        self.emphasis = self._room(slots, len(EMPHASIS))
        self.memory, self.heard = self._room(slots, SLOTS, config.memory), self._room(slots, config.heard_dim)
        self.chroma = self._room(slots, 2, 2, 12)
        self.height, self.loudness = self._room(slots, 4), self._room(slots, 3)
        # of the bar so far, as in ``sounded_so_far`` (and of those after it, what is held over to them) and ``so_far``
        self.sounded = self._room(slots, REACH, 2, 12)
        self.heights, self.levels = self._room(slots), self._room(slots)

    def _room(self, *shape: int) -> Tensor:
        return torch.zeros(shape, device=self.device)

    def admit(self, slot: int, plan: ClipPlan) -> None:
        """Start ``plan`` in a free slot."""
        if self.clips[slot] is not None:
            raise ValueError(f"slot {slot} is taken")
        generator = np.random.default_rng(plan.seed)
        coming = events(draw_onsets(self.model, plan, generator), plan.length)
        counts = torch.tensor([len(bar) for bar in coming], device=self.device)
        height, loudness = (
            by.moved(levels, counts[None])[0]
            for by, levels in (
                (self.model.height, plan.bar_plan.height), (self.model.loudness, plan.bar_plan.loudness),
            )
        )  # fmt: skip
        chroma = self.model.with_next(plan.bar_plan.chroma)[0]
        clip = Decoding(plan, generator, coming, counts, chroma, height, loudness, [])
        self.clips[slot] = clip
        self.sounded[slot] = 0
        self.domain[slot], self.length[slot] = plan.domain, plan.length
        self.heat[slot], self.top_p[slot] = plan.temperature, plan.top_p
        self.emphasis[slot] = plan.bar_plan.trust[0]
        for place, emphasis in enumerate(plan.emphasis):
            if emphasis is not None:
                self.emphasis[slot, place] = emphasis
        self._begin_bar(slot, clip, 0)

    def _begin_bar(self, slot: int, clip: Decoding, bar: int) -> None:
        clip.bar, clip.placed = bar, 0
        clip.tokens.append(clip.bar_token(bar))
        plan = clip.plan.bar_plan
        for held, of_bars in (
            (self.memory, plan.memory[0]), (self.heard, plan.heard[0]), (self.chroma, clip.chroma),
        ):  # fmt: skip
            held[slot] = of_bars[bar]
        for held, levels, so_far, emphasis in zip(
            (self.height, self.loudness), (clip.height, clip.loudness), clip.sums, clip.plan.emphasis[1:], strict=True
        ):
            held[slot] = clip.still(levels, so_far) if emphasis and self.model.config.budgets else levels[bar]
        if bar:
            self.sounded[slot] = torch.cat([self.sounded[slot, 1:], torch.zeros_like(self.sounded[slot, :1])])
        self.heights[slot] = self.levels[slot] = 0

    @torch.inference_mode()
    def step(self) -> list[int]:
        """Decode one token for every running clip; the slots that have finished with it."""
        running = {slot: clip for slot, clip in enumerate(self.clips) if clip is not None and not clip.done}
        if not running:
            return []
        chosen = self._next(running)
        placed: list[tuple[int, int, int, int, int, int]] = []
        finished = []
        for slot, clip in running.items():
            full = len(clip.tokens) >= self.model.config.max_steps
            if clip.due is not None and not full:
                position, pitch, duration, velocity = clip.fed or chosen[slot]
                clip.tokens.append([position, pitch + LOWEST_PITCH, duration, velocity, -1, -1, -1])
                clip.placed += 1
                clip.sums[0] += pitch / self.model.height.units
                clip.sums[1] += (velocity + 0.5) / self.model.loudness.units
                placed.append((slot, position, pitch, int(DURATIONS[duration]), velocity, clip.plan.length))
            elif full or clip.bar + 1 == clip.plan.bars:
                clip.done = True
                finished.append(slot)
            else:
                self._begin_bar(slot, clip, clip.bar + 1)
        if placed:
            slots, positions, pitches, steps, velocities, lengths = torch.tensor(placed, device=self.device).unbind(1)
            overlap = overlap_with_halves(positions, steps, lengths) * 2 / lengths[:, None]
            self.sounded[slots, :, :, (pitches + LOWEST_PITCH) % 12] += overlap.view(-1, REACH, 2)
            self.heights[slots] += pitches / self.model.height.units
            self.levels[slots] += (velocities + 0.5) / self.model.loudness.units
        return finished

    def notes_so_far(self, slot: int) -> list[tuple[int, int, int, int]]:
        """Onset, duration (ticks), pitch and velocity of the notes decoded so far."""
        rows = from_tokens(np.array(self._clip(slot).tokens, dtype=np.int16)).notes
        return [(int(a), int(b), int(c), int(d)) for a, b, c, d in rows]

    def take(self, slot: int) -> Piece:
        """The clip in ``slot``; frees it."""
        clip = self._clip(slot)
        missing = range(clip.bar + 1, clip.plan.bars)
        tokens = clip.tokens + [clip.bar_token(bar) for bar in missing]  # a clip cut short keeps its bars, empty
        self.release(slot)
        piece = from_tokens(np.array(tokens, dtype=np.int16))
        if clip.plan.held is not None:
            piece = clip.plan.held.restore(piece)
        return replace(piece, domain=DOMAINS[clip.plan.domain], source="composed")

    def release(self, slot: int) -> None:
        """Free a slot, finished or not."""
        self.clips[slot] = None

    def _clip(self, slot: int) -> Decoding:
        clip = self.clips[slot]
        if clip is None:
            raise ValueError(f"slot {slot} is empty")
        return clip

    def _next(self, running: Mapping[int, Decoding]) -> list[list[int]]:
        """Position, pitch (0-87), duration and velocity class of the note that is drawn next in each row.

        Rows are a prefix of the slots, so that the caches are views and never copied. What it says of rows whose bar
        has no more notes means nothing, but their last step is heard.
        """
        model, device, count = self.model, self.device, max(running) + 1
        rows = torch.arange(count, device=device)
        domain, length, heat, top_p, memory, heard, chroma, height, loudness, sounded, heights, levels = (
            held[:count]
            for held in (
                self.domain, self.length, self.heat, self.top_p, self.memory, self.heard, self.chroma, self.height,
                self.loudness, self.sounded, self.heights, self.levels,
            )
        )  # fmt: skip
        steps, around, uniform = [NOTHING] * count, [(NONE, NONE)] * count, np.zeros((count, 3), dtype=np.float32)
        for slot, clip in running.items():
            left = len(clip.events[clip.bar]) - clip.placed
            steps[slot] = [*clip.tokens[-1], len(clip.tokens) - 1, clip.placed, clip.left, left]
            around[slot] = clip.before, clip.due or (0, 0, 0, 0)
            uniform[slot] = clip.generator.random(3, dtype=np.float32)
        last = torch.tensor(steps, device=device)
        before, after = torch.tensor(around, device=device).unbind(1)
        chance = torch.from_numpy(uniform).to(device)

        last_position = last[:, POSITION]
        own_slot = slot_of(torch.where(last_position == BAR, 0, last_position), length)
        told = model.embed_steps(last[:, None, :7], domain, memory[rows, own_slot][:, None], before[:, None, 1:])
        state = self._attend(told, heard[:, None], last[:, 7], torch.tensor(list(running), device=device))
        if all(clip.fed for clip in running.values()):
            return [[]] * count  # nothing is drawn: notes that are locked are only heard
        position, coming = after[:, 0].clamp(min=0), after[:, 1:].clamp(min=0)
        due = coming[:, 0]
        full = model.before_note(state, memory[rows, slot_of(position, length)], coming)
        half = half_of(position, length)
        place = position / length
        duration = draw(model.duration_logits(full, position), chance[:, 0], heat, top_p)
        sounds = sounds_in_halves(position, self.durations[duration], length)
        budget = model.budget(
            chroma[rows, half], sounded[rows, 0, half], place_in_half(position, length), last[:, 9], sounds
        )
        spoken = (
            budget,
            model.height(height, heights, last[:, 8], last[:, 10], place),
            model.loudness(loudness, levels, last[:, 8], last[:, 10], place),
        )
        harmony, high, loud = (
            logits * weight[:, None] for logits, weight in zip(spoken, self.emphasis[:count].unbind(1), strict=True)
        )
        floor = torch.where(position == last_position, last[:, PITCH] - LOWEST_PITCH, -1)
        pitch_logits = model.pitch_logits(full, model.experts(harmony, high), position, duration, floor=floor, left=due)
        guides = [(slot, clip.bar, guide) for slot, clip in running.items() if clip.due and (guide := clip.guide)]
        for row, bar, guide in guides:
            pitch_logits[row] = guide.pitches(pitch_logits[row], bar, int(position[row]), int(coming[row, 0]))
        pitch = draw(pitch_logits, chance[:, 1], heat, top_p)
        for row, bar, guide in guides:
            duration[row] = guide.shortened(int(duration[row]), bar, int(position[row]), int(pitch[row]))
        velocity = draw(model.velocity_logits(full, loud, position, pitch, duration), chance[:, 2], heat, top_p)
        found: list[list[int]] = torch.stack([position, pitch, duration, velocity], 1).tolist()
        for row, bar, guide in guides:
            found[row] = guide.note_at(bar, *found[row][:2]) or found[row]
        return found

    def _attend(self, x: Tensor, z: Tensor, at: Tensor, live: Tensor) -> Tensor:
        """The decoder's state ``(rows, dim)`` after one more step ``x`` ``(rows, 1, dim)`` at the places ``at``."""
        cos, sin = rotary(at[:, None, None], self.model.config.dim // self.model.config.heads)
        longest = int(at.max()) + 1
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
