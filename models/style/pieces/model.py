"""The piece model: a causal transformer over compound tokens that knows form: which bar it writes, how many are left.

Without latents it is a language model of whole pieces. Within a step the elements are chained as in compound words
(Hsiao et al. 2021): the position, then pitch, duration and velocity of a note, or meter, length and tempo of a bar.
Half of each head's rotary angles (Su et al. 2021) count steps, half count bars, so that "the same place, eight bars
ago" is one direction; conditions enter every layer (in-attention, MuseMorphose 2021). It is kept as bfloat16
safetensors beside a JSON card; loading is strict.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache as remembered
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional as F

from models.music.tokens import BAR, DURATION, LENGTH, METER, PITCH, POSITION, TEMPO, VELOCITY
from models.style.bundle import TINY, BundleFormat
from models.style.features import SLOTS, slot_of
from models.style.layers import Block, Head, Multihot, norm
from models.style.pieces.bar_latents import LatentMemory, LatentSizes, Memory, RowLatents, heard_size
from models.style.pieces.conditions import CLASSES, CONDITION_CLASSES, LOWEST, OF_LENGTH, OF_MOOD

NOTE_CHAIN = (PITCH, DURATION, VELOCITY)
CHAINS = ((POSITION,), NOTE_CHAIN, (METER, LENGTH, TEMPO))  # of any step, of notes, of bars
# What of a step is known before each of its elements
EARLIER = {
    POSITION: (),
    PITCH: (POSITION,), DURATION: (POSITION, PITCH), VELOCITY: (POSITION, PITCH, DURATION),
    METER: (), LENGTH: (METER,), TEMPO: (METER, LENGTH),
}  # fmt: skip
SHORTEST_PERIOD, LONGEST_PERIOD = 0.5, 64.0  # bars, of the angles that count bars
QUARTER = 12  # grid steps
ROOM = 256  # steps
LOWEST_LENGTH = int(LOWEST[LENGTH])
NARROW = 16  # inputs or outputs of a linear layer, below which its weights are no matrix to orthogonalise


@dataclass(frozen=True)
class PieceConfig:
    """Sizes of the piece model; ``context`` is how many steps it hears at once in training.

    ``moods``: whether it is told the mood of bars. ``outer_first``: whether it hears and writes the outer voices of an
    onset first, else from the lowest note upwards. ``latents``: dimensions of each of
    ``bar_latents.TOLD_GROUPS`` that it hears of bars, if any.
    """

    dim: int = 224
    layers: int = 5
    heads: int = 4
    hidden: int = 256
    condition: int = 64
    context: int = 512
    moods: bool = False
    outer_first: bool = False
    latents: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "latents", tuple(self.latents))  # a list in JSON

    @property
    def conditions(self) -> tuple[int, ...]:
        """The classes of each condition that it is told."""
        return CONDITION_CLASSES if self.moods else CONDITION_CLASSES[: OF_MOOD.start]


@dataclass(frozen=True)
class Steps:
    """What the model hears: ``classes`` int64 ``(batch, steps, 7)``, -1 throughout where a piece (or part) begins.

    ``conditions`` int64 ``(batch, steps, CONDITIONS)``, -1 where unknown; ``bars`` float32 ``(batch, steps)``: where a
    step stands; ``part`` int64 ``(batch, steps)`` numbers pieces that lie behind each other in one row and must not
    hear each other (None: a row is one piece). ``told``: latents of bars (None: of none).
    """

    classes: Tensor
    conditions: Tensor
    bars: Tensor
    part: Tensor | None = None
    told: RowLatents | None = None


@dataclass(frozen=True)
class Coming:
    """Where the coming step of each row lies, for what latents say of it: ``bar`` ``(rows,)`` in ``memory``, flat.

    ``length`` ``(rows,)``: grid steps of that bar; ``last`` ``(rows,)``: the position of the step before.
    """

    memory: Memory
    bar: Tensor
    length: Tensor
    last: Tensor

    @classmethod
    def after(cls, steps: Steps, memory: Memory, rows: Tensor) -> Coming:
        """After some of the ``steps``, ``rows`` of them all one behind the other."""
        bars = memory.inner.shape[1]
        own = cast("RowLatents", steps.told).own
        bar = own + bars * torch.arange(len(own), device=own.device)[:, None]
        length = steps.conditions[..., OF_LENGTH] + LOWEST_LENGTH
        last = steps.classes[..., POSITION]
        return cls(memory, *(each.flatten()[rows] for each in (bar, length, last)))


class Cache:
    """Keys and values of the steps so far, so that a step is computed once; ``at`` ``(batch,)`` counts each row's.

    There is room for ``ROOM`` steps at first, and for twice as many whenever it is full.
    """

    def __init__(self, config: PieceConfig, rows: int, dtype: torch.dtype, device: str = "cpu") -> None:
        shape = (config.layers, rows, config.heads, ROOM, config.dim // config.heads)
        self.keys, self.values = (torch.zeros(shape, dtype=dtype, device=device) for _ in range(2))
        self.at = torch.zeros(rows, dtype=torch.long, device=device)

    def choose(self, rows: Tensor) -> None:
        """Keep some of the rows, in this order."""
        self.keys, self.values, self.at = self.keys[:, rows], self.values[:, rows], self.at[rows]

    def replace(self, rows: Tensor, source: Tensor) -> None:
        """Let some of the rows hear what others have heard; all others stay where they lie."""
        upto = int(self.at.max())
        for kept in (self.keys, self.values):
            kept[:, rows, :, :upto] = kept[:, source, :, :upto]
        self.at[rows] = self.at[source]

    def make_room(self, upto: int) -> None:
        """Have room for so many steps."""
        if (more := upto - self.keys.shape[3]) > 0:
            more = max(more, self.keys.shape[3])
            self.keys, self.values = (F.pad(kept, (0, 0, 0, more)) for kept in (self.keys, self.values))

    def extend(self, layer: int, places: Tensor, k: Tensor, v: Tensor, upto: int) -> tuple[Tensor, Tensor]:
        """Put ``k``, ``v`` ``(batch, heads, new, head_dim)`` at ``places`` ``(batch, new)``; the first ``upto``."""
        self.make_room(upto)
        keys, values = self.keys[layer], self.values[layer]
        if len(places) == 1:  # in a third of the time
            keys[:, :, upto - k.shape[2] : upto], values[:, :, upto - k.shape[2] : upto] = k, v
        else:
            rows = torch.arange(len(places), device=places.device)[:, None]
            keys[rows, :, places] = k.transpose(1, 2)
            values[rows, :, places] = v.transpose(1, 2)
        return keys[:, :, :upto], values[:, :, :upto]


class PieceModel(nn.Module):
    """See the module docstring; ``forward`` hears steps, ``logits`` says what the step after each may be.

    ``dropout``: the share of what is heard, and of what each layer adds, that is left out in training.
    """

    blocks: Sequence[Block]  # a ModuleList, which has no element type

    def __init__(self, config: PieceConfig, dropout: float = 0.0) -> None:
        super().__init__()
        self.config, self.dropout = config, dropout
        self.embed = Multihot([*CLASSES, QUARTER, 12], config.dim)
        self.conditions = Multihot([*config.conditions], config.condition)
        self.blocks = cast(
            "Sequence[Block]",
            nn.ModuleList([Block(config.dim, config.heads, config.condition) for _ in range(config.layers)]),
        )
        self.told = nn.Linear(config.condition, config.dim, bias=False)
        self.given = nn.ModuleDict(
            {str(e): Multihot([CLASSES[f] for f in fields], config.dim) for e, fields in EARLIER.items() if fields}
        )
        self.heads = nn.ModuleDict({str(e): Head(config.dim, config.hidden, CLASSES[e]) for e in EARLIER})
        self.latents: LatentMemory | None = None
        if config.latents:
            sizes = LatentSizes(heard_size(config.latents), sum(config.latents[:-1]))
            self.latents = LatentMemory(sizes, config.dim, config.layers, config.heads)

    def matrices(self) -> list[nn.Parameter]:
        """The weights of the linear layers: what Muon moves in training."""
        layers = [m for m in self.modules() if isinstance(m, nn.Linear)]
        weights = [weight for layer in layers for weight in layer.parameters(recurse=False)]
        return [weight for weight in weights if min(weight.shape) >= NARROW]

    def remember(self, told: RowLatents | None) -> Memory | None:
        """What latents say, for ``forward`` and ``logits``; None where none are told, or where it hears none."""
        if self.latents is None or told is None:
            return None
        found: Memory = self.latents(told.heard)
        return found

    def forward(self, steps: Steps, cache: Cache | None = None, memory: Memory | None = None) -> Tensor:
        """The state after each of ``steps``, ``(batch, steps, dim)``; after those in ``cache``, which it extends.

        The caller then moves ``cache.at`` on by as many steps as each row really has. ``memory``: of ``remember``.
        """
        batch, count = steps.classes.shape[:2]
        place = torch.arange(count, device=steps.classes.device).expand(batch, -1)
        place = place if cache is None else place + cache.at[:, None]
        told = self._told(steps)
        cos, sin = self._angles(place, steps.bars)
        upto = count if cache is None else int(place.max()) + 1
        mask = self._mask(place, steps.part, upto)
        x = F.dropout(self._embedded(steps.classes), self.dropout, self.training) + self.told(told)
        bars = None
        if memory is not None and self.latents is not None and steps.told is not None:
            x = x + self.latents.enter(memory, steps.told, _slots(steps))
            if cache is None:  # else it has them
                bars = self.bar_angles(steps.told.place)
                mask = self._with_bars(mask, steps, x.shape[1], upto)
        for layer, block in enumerate(self.blocks):
            x = x + block.latent(told)
            q, k, v = block.project(x, cos, sin)
            if cache is not None:
                k, v = cache.extend(layer, place, k, v, upto)
            if bars is not None and memory is not None and self.latents is not None:
                bar_k, bar_v = self.latents.entries(memory, layer, *bars)
                k, v = torch.cat([bar_k, k], 2), torch.cat([bar_v, v], 2)
            x = block.finish(x, F.scaled_dot_product_attention(q, k, v, attn_mask=mask), self.dropout)
        return norm(x)

    def logits(self, state: Tensor, element: int, step: Tensor, place: Coming | None = None) -> Tensor:
        """Logits of one ``element`` of the coming step ``(rows, CLASSES[element])``, float32.

        ``state`` ``(rows, dim)`` is what ``forward`` gave; of ``step`` ``(rows, 7)``, in classes, only the elements
        that come before this one in its chain are heard. ``place``: for what latents say of it.
        """
        if EARLIER[element]:
            state = state + self.given[str(element)]([step[..., field] for field in EARLIER[element]])
        if place is None or self.latents is None:
            found: Tensor = self.heads[str(element)](state)
            return found
        more: Tensor | None = None
        if element == POSITION:
            more = self.latents.onset_logits(place.memory.onsets.flatten(0, 1)[place.bar], place.last)
        elif element in NOTE_CHAIN:
            slot = slot_of(step[..., POSITION], place.length)
            told = place.memory.slots.flatten(0, 2)[place.bar * SLOTS + slot]
            state = state + self.latents.given[str(element)](told)
            more = self.latents.pitches(told) if element == PITCH else None
        found = self.heads[str(element)](state)
        return found if more is None else found + more.float()

    def _told(self, steps: Steps) -> Tensor:
        """What every layer is told at each step, ``(batch, steps, condition)``."""
        told = steps.conditions.unbind(-1)[: len(self.config.conditions)]
        return norm(self.conditions(list(told)))

    def _embedded(self, classes: Tensor) -> Tensor:
        position, pitch = classes[..., POSITION], classes[..., PITCH]
        beat = torch.where(pitch < 0, -1, position % QUARTER)
        pitch_class = torch.where(pitch < 0, -1, pitch % 12)
        found: Tensor = self.embed([*classes.unbind(-1), beat, pitch_class])
        return found

    def _angles(self, place: Tensor, bars: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine ``(batch, 1, steps, head_dim / 2)``: a half of them turn by steps, a half by bars."""
        by_step, by_bar = speeds(self.config.dim // self.config.heads // 2, str(bars.device))
        angle = torch.cat([place[..., None] * by_step, bars[..., None] * by_bar], -1)[:, None]
        return angle.cos(), angle.sin()

    def bar_angles(self, place: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine ``(batch, 1, bars, head_dim / 4)`` of the half that turns by bars."""
        _, by_bar = speeds(self.config.dim // self.config.heads // 2, str(place.device))
        angle = (place[..., None] * by_bar)[:, None]
        return angle.cos(), angle.sin()

    @staticmethod
    def _with_bars(mask: Tensor | None, steps: Steps, count: int, upto: int) -> Tensor:
        """The mask with the bars before the steps, ``(batch, 1, steps, bars + upto)``."""
        told = cast("RowLatents", steps.told)
        part = torch.zeros_like(told.own) if steps.part is None else steps.part
        hears = (told.part[:, None, :] == part[:, :, None])[:, None]
        if mask is None:
            mask = hears.new_ones(len(part), 1, count, upto)
        return torch.cat([hears, mask], -1)

    @staticmethod
    def _mask(place: Tensor, part: Tensor | None, upto: int) -> Tensor | None:
        """Which steps hear which of the first ``upto``, ``(batch, 1, steps, upto)``: themselves and what came before.

        None where that is all.
        """
        if part is None and place.numel() == 1:
            return None
        hears = torch.arange(upto, device=place.device)[None, None, :] <= place[:, :, None]
        if part is not None:
            hears = hears & (part[:, :, None] == part[:, None, :])
        return hears[:, None]


def _slots(steps: Steps) -> Tensor:
    """The time slot of each step in its bar ``(batch, steps)``; the first for a BAR step."""
    position = steps.classes[..., POSITION]
    return slot_of(torch.where(position == BAR, 0, position), steps.conditions[..., OF_LENGTH] + LOWEST_LENGTH)


@remembered
def speeds(half: int, device: str) -> tuple[Tensor, Tensor]:
    """Radians a step and radians a bar by which ``half`` of a head's dimensions turn."""
    of_bars = half // 2
    with torch.inference_mode(mode=False):  # training takes them, too
        ratio = torch.linspace(math.log(SHORTEST_PERIOD), math.log(LONGEST_PERIOD), of_bars, device=device)
        by_step = 1000.0 ** (-torch.arange(half - of_bars, device=device) / (half - of_bars))
        return by_step, 2 * math.pi / ratio.exp()


FORMAT = BundleFormat(
    "pieces", "piece model", "python -m models.train.pieces makes one, in OUT/bundle", ("preset", "steps", "seed")
)

OF_TINY_STYLE = (4, 3, 2, 3, 2, 1, 2, 24)  # sizes of what a tiny style model tells of a bar
HEARING = "latents."  # how the names of the weights begin that hear latents


@dataclass(frozen=True)
class PieceBundle:
    """A piece model, its card and the folder that it lies in."""

    model: PieceModel
    card: Mapping[str, Any]
    folder: Path | None = None

    @property
    def version(self) -> str:
        """Which weights these are."""
        return str(self.card["version"])


def save_pieces_model(
    folder: Path,
    config: PieceConfig,
    weights: Mapping[str, Tensor],
    card: Mapping[str, Any],
    held_out: Mapping[str, Sequence[str]],
) -> None:
    """Write ``pieces.safetensors``, ``held_out.json`` (names by part) and, last, ``card.json`` into ``folder``.

    What hears latents lies in ``latents.safetensors``.
    """
    half = {name: value.detach().cpu().bfloat16().contiguous() for name, value in weights.items()}
    hearing = {name: half.pop(name) for name in list(half) if name.startswith(HEARING)}
    beside = {"latents": save(hearing)} if hearing else {}
    names = {part: sorted(found) for part, found in held_out.items()}
    FORMAT.save(folder, save(half), {**card, "config": asdict(config)}, held_out=names, beside=beside)


def load_pieces_model(name_or_path: str | Path, device: str = "cpu") -> PieceBundle:
    """Load a shipped model by name or one of your own by folder; raises ``FileNotFoundError`` or ``ValueError``."""
    if name_or_path == TINY:
        return tiny_pieces(latents=OF_TINY_STYLE)
    with FORMAT.opened(name_or_path) as found:
        model = PieceModel(PieceConfig(**found.card["config"]))
        files = [found.folder / f"{name}.safetensors" for name in found.card["sha256"]]
        weights = {name: value.float() for path in files for name, value in load_file(path).items()}
        model.load_state_dict(weights, strict=True)
    return PieceBundle(model.to(torch.device(device)).eval(), found.card, found.folder)


def weights_with_moods(model: PieceModel) -> dict[str, Tensor]:
    """The weights of a ``model`` for one that is told moods: where it wasn't, these say nothing to it yet."""
    weights = dict(model.state_dict())
    if not model.config.moods:
        known, none = weights["conditions.weight"].split([len(weights["conditions.weight"]) - 1, 1])
        more = sum(CONDITION_CLASSES[OF_MOOD.start :])
        weights["conditions.weight"] = torch.cat([known, known.new_zeros(more, known.shape[1]), none])
    return weights


def tiny_pieces(seed: int = 0, *, moods: bool = False, latents: Sequence[int] = ()) -> PieceBundle:
    """A real but tiny and untrained model that hears what came before, for tests of what is built on it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        small = PieceConfig(dim=32, layers=2, heads=2, hidden=32, condition=16, context=96)
        model = PieceModel(replace(small, moods=moods, latents=tuple(latents)))
        for block in model.blocks:  # zero-initialised projections would make all steps deaf
            torch.nn.init.normal_(block.out.weight, std=0.3)
            torch.nn.init.normal_(block.down.weight, std=0.3)
        for weight in model.latents.parameters() if model.latents else ():
            if not weight.any():  # as what hears latents begins
                torch.nn.init.normal_(weight, std=0.1)
    model.half().float()  # as a checkpoint has its weights
    return PieceBundle(model.eval(), {"version": f"tiny-pieces-{seed}"})
