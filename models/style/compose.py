"""Composing: latents from the prior or from pieces, decoded note by note in a batch that clips join and leave.

The same plan alone gives the same notes again; within a batch a clip differs by floating-point rounding only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.music.notes import DOMAINS, Domain, MusicError, Piece
from models.music.tokens import (
    BAR,
    DURATIONS,
    GRID_TICKS,
    LOWEST_PITCH,
    METERS,
    POSITION_CLASSES,
    POSITIONS,
    from_tokens,
    to_tokens,
)
from models.style.checkpoint import StyleBundle
from models.style.elements import half_of, overlap_with_halves, place_in_half
from models.style.features import bar_features, gather_notes, slot_of
from models.style.latents import GROUPS, STYLE_GROUPS, TEMPERATURE, TOP_P, Latents
from models.style.layers import attend, norm, rotary
from models.style.model import BARS, BarPlan
from models.style.prior import Setting
from models.style.windows import bar_ticks, pad, regular_bars

Origin = Piece | Latents


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

    @property
    def bars(self) -> int:
        """Bars to compose."""
        return self.bar_plan.z.shape[1]

    @property
    def length(self) -> int:
        """Grid steps of a bar."""
        return bar_ticks(*METERS[self.meter]) // GRID_TICKS


class Composer:
    """A style model on a device, ready to compose; its methods may be called from many threads."""

    def __init__(self, bundle: StyleBundle, device: str = "cpu") -> None:
        self.bundle, self.device = bundle, device
        self.model, self.prior = bundle.model.to(device), bundle.prior.to(device)
        self.version = bundle.version

    @torch.inference_mode()
    def encode(self, piece: Piece) -> Latents:
        """Posterior means of the piece's first eight bars (fewer where it is shorter); raises ``MusicError``."""
        piece = whole_bars(piece)
        bars = len(piece.bars)
        notes = gather_notes(pad([to_tokens(piece)]).to(self.device), bars)
        mean = self.model.encode(bar_features(notes)).mean.float().cpu()
        numerator, denominator = piece.bars[0, 2:].tolist()
        about = {"domain": piece.domain, "meter": f"{numerator}/{denominator}"}
        return self._latents(mean, about)

    def sample_latents(self, domain: Domain, count: int, seed: int, bars: int = BARS) -> list[Latents]:
        """``count`` draws from the prior; the same seed gives the same draws."""
        generator = torch.Generator().manual_seed(seed)
        index = DOMAINS.index(domain)
        setting = self.prior.draw_setting(index, count, generator)
        z = self.prior.sample(setting, generator).float().cpu()[:, :bars]
        names = ["/".join(map(str, METERS[int(m)])) for m in setting.meter]
        return [self._latents(row, {"domain": domain, "meter": name}) for row, name in zip(z, names, strict=True)]

    def draw_each(self, domains: Sequence[Domain], seeds: Sequence[int]) -> list[Latents]:
        """What ``sample_latents(domain, 1, seed)`` draws for each pair; eight cost as much as three."""
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        rows = [(DOMAINS.index(domain), generator) for domain, generator in zip(domains, generators, strict=True)]
        setting = Setting.join([self.prior.draw_setting(domain, 1, generator) for domain, generator in rows])
        shape = (1, self.prior.config.bars, self.prior.config.latent_dim)
        noise = torch.cat([torch.randn(shape, generator=generator) for generator in generators])
        z = self.prior.carry(noise, setting).float().cpu()
        names = ["/".join(map(str, METERS[int(m)])) for m in setting.meter]
        about = [{"domain": domain, "meter": name} for domain, name in zip(domains, names, strict=True)]
        return [self._latents(row, piece) for row, piece in zip(z, about, strict=True)]

    @torch.inference_mode()
    def plan(
        self,
        *,
        domain: Domain,
        content: Origin | None,
        styles: Mapping[str, Origin],
        bars: int = BARS,
        seed: int = 0,
        temperature: float = TEMPERATURE,
        top_p: float = TOP_P,
        drawn: Latents | None = None,
    ) -> ClipPlan:
        """Latents of one clip: ``content`` (or a draw from the prior) with groups replaced by those of ``styles``.

        ``drawn`` is the prior's draw for this domain and seed, where ``draw_each`` has made it already. Shorter styles
        are repeated bar by bar. Raises ``MusicError`` for music that can't be encoded and ``ValueError`` for unknown
        groups or domains, a number of bars outside 1 to 8, or latents of another model.
        """
        if domain not in DOMAINS:
            raise ValueError(f"domain {domain!r} was given; there are {list(DOMAINS)}")
        if not 1 <= bars <= BARS:
            raise ValueError(f"{bars} bars were asked for; 1 to {BARS} are allowed")
        unknown = sorted(set(styles) - set(STYLE_GROUPS))
        if unknown:
            raise ValueError(f"styles {unknown} were asked for; there are {list(STYLE_GROUPS)}")
        base = self._origin(content) if content is not None else drawn or self.draw_each([domain], [seed])[0]
        groups = {name: value[:bars] for name, value in base.groups.items()}
        length = len(groups["content"])
        for name, origin in styles.items():
            own = self._origin(origin).groups[name]
            groups[name] = own[np.arange(length) % len(own)]
        latents = replace(base, groups=groups)
        z = torch.from_numpy(np.concatenate([latents.groups[g] for g in GROUPS], axis=1))[None].to(self.device)
        meter_name = str(base.piece.get("meter", "4/4"))
        if meter_name not in METER_NAMES:
            raise ValueError(f"meter {meter_name!r} was given; the model knows {list(METER_NAMES)}")
        recipe = {
            "model_version": self.version,
            "domain": domain,
            "meter": meter_name,
            "bars": length,
            "seed": seed,
            "temperature": temperature,
            "top_p": top_p,
            "content": _kind(content),
            "styles": {name: _kind(origin) for name, origin in styles.items()},
        }
        plan = self.model.plan(z)
        return ClipPlan(
            plan, latents, DOMAINS.index(domain), METER_NAMES.index(meter_name), seed, temperature, top_p, recipe
        )

    def new_batch(self, slots: int) -> DecodeBatch:
        """Room for ``slots`` clips at once."""
        return DecodeBatch(self, slots)

    def compose(self, plans: list[ClipPlan]) -> list[Piece]:
        """Decode some plans together (evaluations; the engine steps a batch of its own)."""
        batch = self.new_batch(len(plans))
        for slot, plan in enumerate(plans):
            batch.admit(slot, plan)
        pieces: dict[int, Piece] = {}
        while len(pieces) < len(plans):
            pieces |= {slot: batch.take(slot) for slot in batch.step()}
        return [pieces[slot] for slot in range(len(plans))]

    def _origin(self, origin: Origin) -> Latents:
        if isinstance(origin, Piece):
            return self.encode(origin)
        if origin.version != self.version:
            raise ValueError(
                f"latents of model {origin.version!r} were given; this is {self.version!r}: encode the notes"
            )
        for name in GROUPS:
            value, width = origin.groups[name], self.model.config.latent[name]
            if value.ndim != 2 or len(value) == 0 or value.shape[1] != width:
                raise ValueError(f"{name} has the shape {value.shape}; (1 to {BARS} bars, {width}) is expected")
            if not np.isfinite(value).all():
                raise ValueError(f"{name} has numbers that are not finite")
        return origin

    def _latents(self, z: Tensor, piece: Mapping[str, Any]) -> Latents:
        parts = self.model.config.split(z)
        return Latents(self.version, {name: value.numpy().astype(np.float32) for name, value in parts.items()}, piece)


METER_NAMES = tuple(f"{n}/{d}" for n, d in METERS)


def _kind(origin: Origin | None) -> str:
    return "prior" if origin is None else "notes" if isinstance(origin, Piece) else "latents"


def _at_once(tokens: Sequence[Sequence[int]]) -> int:
    """How many notes the last onset has so far; 1 after a BAR."""
    last = tokens[-1][0]
    count = 1
    while last < POSITIONS and tokens[-1 - count][0] == last:
        count += 1
    return count


def whole_bars(piece: Piece) -> Piece:
    """The first up to eight whole bars of one meter; raises ``MusicError`` where there are none or no notes in them."""
    piece = regular_bars(piece)
    whole = piece.bars[:, 1] == np.array([bar_ticks(int(n), int(d)) for n, d in piece.bars[:, 2:]])
    known = np.array([f"{n}/{d}" in METER_NAMES for n, d in piece.bars[:, 2:]])
    counts = np.histogram(piece.notes[:, 0], np.append(piece.bars[:, 0], piece.end_tick))[0]
    usable = whole & known
    begins = np.flatnonzero(usable & (counts > 0))
    if len(begins) == 0:
        raise MusicError(f"no whole bar with notes in a meter the model knows ({', '.join(METER_NAMES)})")
    first = int(begins[0])
    last = first
    while (
        last < min(first + BARS, len(piece.bars))
        and usable[last]
        and (piece.bars[last, 2:] == piece.bars[first, 2:]).all()
    ):
        last += 1
    return piece.window(first, last - first)


def draw(logits: Tensor, uniform: Tensor, temperature: Tensor, top_p: Tensor) -> Tensor:
    """Nucleus sampling by inverse CDF: ``logits`` ``(rows, classes)``, the rest ``(rows,)`` → classes ``(rows,)``.

    Source: Holtzman et al. 2020.
    """
    share, order = torch.softmax(logits / temperature.clamp(min=1e-4)[:, None], -1).sort(-1, descending=True)
    before = share.cumsum(-1) - share
    share = torch.where(before < top_p[:, None], share, 0.0)
    edge = share.cumsum(-1)
    pick = (edge < uniform[:, None] * edge[:, -1:]).sum(-1, keepdim=True).clamp(max=logits.shape[1] - 1)
    return order.gather(-1, pick)[:, 0]


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
        self.done = [False] * slots
        self.bar = np.zeros(slots, dtype=np.int64)
        self.sounded = np.zeros((slots, 2, 12), dtype=np.float32)  # of the bar so far, as in ``sounded_so_far``

    def admit(self, slot: int, plan: ClipPlan) -> None:
        """Start ``plan`` in a free slot."""
        if self.plans[slot] is not None:
            raise ValueError(f"slot {slot} is taken")
        self.plans[slot] = plan
        self.draws[slot] = np.random.default_rng(plan.seed)
        self.bar[slot] = 0
        self.done[slot] = False
        self.tokens[slot] = [self._bar_token(plan, 0)]
        self.sounded[slot] = 0

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
            position, pitch, duration, velocity = chosen[slot]
            full = len(self.tokens[slot]) >= self.model.config.max_steps
            if position < POSITIONS and not full:
                self.tokens[slot].append([position, pitch + LOWEST_PITCH, duration, velocity, -1, -1, -1])
                begins, steps, length = torch.tensor([position, DURATIONS[duration], plan.length])
                overlap = overlap_with_halves(begins, steps, length)
                self.sounded[slot, :, (pitch + LOWEST_PITCH) % 12] += overlap.numpy()
                continue
            self.bar[slot] += 1
            self.sounded[slot] = 0
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
        return replace(piece, domain=DOMAINS[plan.domain], source="composed")

    def release(self, slot: int) -> None:
        """Free a slot, finished or not."""
        self.plans[slot] = None
        self.draws[slot] = None
        self.tokens[slot] = []
        self.done[slot] = False

    def _uniform(self, rows: int, running: list[int]) -> Tensor:
        """The next four numbers of each running clip's own generator, ``(rows, 4)``."""
        uniform = torch.zeros(rows, 4)
        for slot in running:
            generator = self.draws[slot]
            if generator is not None:
                uniform[slot] = torch.from_numpy(generator.random(4, dtype=np.float32))
        return uniform

    def _bar_token(self, plan: ClipPlan, bar: int) -> list[int]:
        tempo = int(plan.bar_plan.tempo_logits[0, bar].argmax())
        return [BAR, -1, -1, -1, tempo, plan.meter, plan.length]

    def _next(
        self, plans: list[ClipPlan], tokens: list[list[list[int]]], bars: list[int], running: list[int]
    ) -> list[list[int]]:
        """Position, pitch (0-87), duration and velocity class drawn for each row."""
        model, device = self.model, self.device
        last = torch.tensor([[row[-1]] for row in tokens], device=device)
        at = torch.tensor([len(row) - 1 for row in tokens], device=device).clamp(max=model.config.max_steps - 1)
        domain = torch.tensor([plan.domain for plan in plans], device=device)
        length = torch.tensor([plan.length for plan in plans], device=device)
        memory = torch.stack([plan.bar_plan.memory[0, b] for plan, b in zip(plans, bars, strict=True)])
        z = torch.stack([plan.bar_plan.z[0, b] for plan, b in zip(plans, bars, strict=True)])[:, None]
        onsets = torch.stack([plan.bar_plan.onsets[0, b] for plan, b in zip(plans, bars, strict=True)])
        thickness = torch.stack([plan.bar_plan.thickness[0, b] for plan, b in zip(plans, bars, strict=True)])
        chroma = torch.stack([plan.bar_plan.chroma[0, b] for plan, b in zip(plans, bars, strict=True)])
        count = torch.tensor([_at_once(row) for row in tokens], device=device)
        rows = torch.arange(len(plans), device=device)
        last_position = last[:, 0, 0]
        own_slot = slot_of(torch.where(last_position == BAR, 0, last_position), length)
        x = model.embed_steps(last, domain, memory[rows, own_slot][:, None])
        cos, sin = rotary(at[:, None, None], model.config.dim // model.config.heads)
        longest = int(at.max()) + 1
        live = torch.tensor(running, device=device)
        place = at[live]
        mask = torch.where(torch.arange(longest, device=device) <= at[:, None], 0.0, -1e4)[:, None, None]
        for index, block in enumerate(model.blocks):
            x = x + block.latent(z)
            q, k, v = block.project(x, cos, sin)
            keys, values = self.keys[index, : len(plans)], self.values[index, : len(plans)]
            keys[live, :, place] = k[live, :, 0]
            values[live, :, place] = v[live, :, 0]
            x = block.finish(x, attend(q, keys[:, :, :longest], values[:, :, :longest], mask))
        state = norm(x)[:, 0]

        uniform = self._uniform(len(plans), running).to(device)
        heat = torch.tensor([plan.temperature for plan in plans], device=device)
        top_p = torch.tensor([plan.top_p for plan in plans], device=device)
        classes = torch.arange(POSITION_CLASSES, device=device)
        beyond = (classes >= length[:, None]) & (classes != BAR)
        at_last = thickness[rows, own_slot]
        logits = model.position_logits(onsets, at_last, last_position, count, domain).masked_fill(beyond, -1e4)
        highest = (last[:, 0, 1] >= LOWEST_PITCH + model.pitch_head.out.out_features - 1)[:, None]
        logits = logits.masked_fill(highest & (classes == last_position[:, None]), -1e4)
        position = draw(logits, uniform[:, 0], heat, top_p)
        where = position.clamp(max=POSITIONS - 1)
        full = torch.cat([state, memory[rows, slot_of(where, length)]], -1)
        last_pitch = last[:, 0, 1] - LOWEST_PITCH
        half = half_of(where, length)
        sounded = torch.from_numpy(self.sounded[: len(plans)]).to(device)[rows, half]
        chroma = model.budget(chroma[rows, half], sounded, place_in_half(where, length))
        pitch = draw(model.pitch_logits(full, chroma, position, last_position, last_pitch), uniform[:, 1], heat, top_p)
        duration = draw(model.duration_logits(full, position, pitch), uniform[:, 2], heat, top_p)
        velocity = draw(model.velocity_logits(full, position, pitch, duration), uniform[:, 3], heat, top_p)
        rows_out: list[list[int]] = torch.stack([position, pitch, duration, velocity], 1).tolist()
        return rows_out
