"""The style model: a restricted encoder a latent group, and the decoder that these learn with.

Two levels, as in MusER (2024): element decoders that see one group's latents alone (onsets: rhythm; notes an onset:
texture; pitch classes: harmony; height: register; tempo), so that a swapped style says what is played; and a note-level
decoder that combines all latents, which enter each layer (in-attention, MuseMorphose 2021) and a memory of time slots.
Its heads (duration, pitch, velocity) are chained, as in compound words (Hsiao et al. 2021). Restricted encoders, KL.
``likelihood`` tells what notes cost it. What is composed the piece model writes (``models.style.pieces``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.music.notes import DOMAINS
from models.music.tokens import (
    BAR,
    DURATION,
    DURATIONS,
    LOWEST_PITCH,
    METER,
    METERS,
    PITCH,
    PITCHES,
    POSITION,
    POSITION_CLASSES,
    TEMPI_BPM,
    TEMPO,
    VELOCITY,
    VELOCITY_BINS,
)
from models.style.elements import (
    AHEAD,
    ChromaBudget,
    CodeEncoder,
    LevelBudget,
    OnsetDecoder,
    TempoScale,
    TextureDecoder,
)
from models.style.features import FEATURE_SIZES, SLOTS
from models.style.latents import CODE_COUNT, CODE_LEVELS, GROUPS, STYLE_GROUPS
from models.style.layers import Block, GroupEncoder, Head, Multihot, Posterior, Quantised, finite_scalar, norm

NARROW = 16  # inputs or outputs of a linear layer, below which its weights are no matrix to orthogonalise
CODED = tuple(group for group in STYLE_GROUPS if group != "tempo")  # what style codes hear


@dataclass(frozen=True)
class StyleConfig:
    """Sizes of the style model; ``latent`` gives the dimensions a bar of each group.

    And what ``models.evaluate.style_study`` takes away in turn: element decoders that see one group alone
    (``two_level``), their knowing what has sounded so far (``budgets``), encoders that hear their own side of a bar
    alone (``restricted``); with ``levels`` latents are quantised to so many values a dimension.
    """

    dim: int = 256
    layers: int = 4
    heads: int = 4
    hidden: int = 512
    memory: int = 64
    latent: Mapping[str, int] = field(
        default_factory=lambda: {
            "content": 48, "rhythm": 24, "register": 8, "harmony": 24, "dynamics": 10, "tempo": 1, "texture": 16,
        }
    )  # fmt: skip
    codes: int = CODE_COUNT
    max_steps: int = 512
    two_level: bool = True
    budgets: bool = True
    restricted: bool = True
    levels: int = 0

    @property
    def latent_dim(self) -> int:
        """Dimensions of all groups together."""
        return sum(self.latent.values())

    @property
    def heard_dim(self) -> int:
        """Dimensions of what the note-level decoder hears of a bar: its latents, and how far to trust them."""
        return self.latent_dim + 1

    def seen_by(self, group: str) -> int:
        """Dimensions that the element decoder of a group sees."""
        return self.latent[group] if self.two_level else self.latent_dim

    def heard_by(self, group: str) -> int:
        """Features that the encoder of a group hears."""
        return FEATURE_SIZES[group] if self.restricted else sum(FEATURE_SIZES.values())

    def split(self, z: Tensor) -> dict[str, Tensor]:
        """Latents ``(..., latent_dim)`` by group name."""
        return dict(zip(GROUPS, torch.split(z, [self.latent[name] for name in GROUPS], dim=-1), strict=True))


@dataclass(frozen=True)
class BarPlan:
    """What the decoder derives from bar latents ``(batch, bars, latent)`` once, before any note."""

    heard: Tensor  # (batch, bars, heard_dim), in the decoder's dtype
    memory: Tensor  # (batch, bars, SLOTS, memory)
    onsets: Tensor  # (batch, bars, hidden), from rhythm
    thickness: Tensor  # (batch, bars, SLOTS): notes an onset in log2, from texture
    chroma: Tensor  # (batch, bars, 2, 12): logits of how long the pitch classes C..B sound in each half, from harmony
    height: Tensor  # (batch, bars, 4), from register: what ``features.heights`` tells
    loudness: Tensor  # (batch, bars, 3), from dynamics: what ``features.levels`` tells
    tempo_logits: Tensor  # (batch, bars, tempi)
    trust: Tensor  # (batch, 3): what harmony, register and dynamics tell counts so much


class StyleModel(nn.Module):
    """Encoders and decoder; see the module docstring."""

    blocks: Sequence[Block]  # a ModuleList, which has no element type

    def __init__(self, config: StyleConfig) -> None:
        super().__init__()
        self.config = config
        dim, memory = config.dim, config.memory
        self.encoders = nn.ModuleDict(
            {g: GroupEncoder(config.heard_by(g), config.hidden, config.latent[g]) for g in GROUPS if g != "tempo"}
        )
        self.tempo = TempoScale()
        self.codes = CodeEncoder(sum(FEATURE_SIZES[g] for g in CODED), config.hidden // 2, config.codes, CODE_LEVELS)
        self.embed = Multihot(
            [POSITION_CLASSES, PITCHES, len(DURATIONS), VELOCITY_BINS, len(TEMPI_BPM), len(METERS), len(DOMAINS)], dim
        )
        self.embed_ahead = Multihot([*AHEAD], dim)
        self.slot_in = nn.Linear(memory, dim, bias=False)
        self.plan_inner = nn.Linear(config.heard_dim, config.hidden, bias=False)
        self.plan_memory = nn.Linear(config.hidden, SLOTS * memory, bias=False)
        self.onsets = OnsetDecoder(config.seen_by("rhythm"), config.hidden)
        self.texture = TextureDecoder(config.seen_by("texture"), config.hidden // 2)
        self.chroma = nn.Sequential(
            nn.Linear(config.latent["harmony"], config.hidden, bias=False), nn.SiLU(),
            nn.Linear(config.hidden, 24, bias=False),
        )  # fmt: skip
        self.budget = ChromaBudget(config.hidden // 8, counting=config.budgets)
        levels, counting = config.hidden // 8, config.budgets
        self.height = LevelBudget(config.latent["register"], levels, 2, PITCHES, 12, counting=counting)
        self.loudness = LevelBudget(
            config.latent["dynamics"], levels, 1, VELOCITY_BINS, VELOCITY_BINS / 8, counting=counting
        )
        self.mistrust = nn.Parameter(torch.ones(3))
        self.blocks = cast(
            "Sequence[Block]", nn.ModuleList([Block(dim, config.heads, config.heard_dim) for _ in range(config.layers)])
        )
        state = dim + memory
        self.ahead = Multihot([*AHEAD], state)
        self.duration_given = Multihot([POSITION_CLASSES], state)
        self.duration_head = Head(state, config.hidden // 2, len(DURATIONS))
        self.pitch_given = Multihot([POSITION_CLASSES, len(DURATIONS)], state)
        self.pitch_head = Head(state, config.hidden, PITCHES)
        self.velocity_given = Multihot([POSITION_CLASSES, PITCHES, len(DURATIONS)], state)
        self.velocity_head = Head(state, config.hidden // 2, VELOCITY_BINS)

    def matrices(self) -> list[nn.Parameter]:
        """The weights of the linear layers, but for the narrowest and the style codes': what Muon moves in training."""
        apart = {id(layer) for layer in self.codes.modules()}
        layers = [m for m in self.modules() if isinstance(m, nn.Linear) and id(m) not in apart]
        weights = [weight for layer in layers for weight in layer.parameters(recurse=False)]
        return [weight for weight in weights if weight.ndim == 2 and min(weight.shape) >= NARROW]

    def encode(self, features: Mapping[str, Tensor]) -> Posterior:
        """Posterior over bar latents from the features of each group, ``(bars, FEATURE_SIZES[group])``."""
        heard = features
        if not self.config.restricted:
            heard = dict.fromkeys(GROUPS, torch.cat([features[group] for group in GROUPS], -1))
        parts = [self.tempo(features[g]) if g == "tempo" else self.encoders[g](heard[g]) for g in GROUPS]
        mean, log_variance = torch.cat([m for m, _ in parts], -1), torch.cat([v for _, v in parts], -1)
        if not self.config.levels:
            return Posterior(mean, log_variance)
        stepped = torch.ones(mean.shape[1], dtype=torch.bool, device=mean.device)
        self.config.split(stepped)["tempo"][:] = False  # a scale of its own
        mean = torch.where(stepped, finite_scalar(mean, self.config.levels), mean)
        return Quantised(mean, log_variance, stepped, self.config.levels)

    def encode_codes(self, features: Mapping[str, Tensor], bars: int) -> Tensor:
        """Style codes ``(clips, codes)`` of clips of ``bars`` bars, from the features of each style group.

        They are for the prior to go by: whoever has a clip's latents learns nothing more from its codes.
        """
        return self.codes.quantise(self.open_codes(features, bars))

    def open_codes(self, features: Mapping[str, Tensor], bars: int) -> Tensor:
        """The same before they are bounded and quantised."""
        return self.codes.open(self.heard_by_codes(features, bars))

    def heard_by_codes(self, features: Mapping[str, Tensor], bars: int) -> Tensor:
        """What the style codes are told from, ``(clips, bars, features)``: all style groups but tempo.

        Tempo is the same all through most pieces, and so the first thing that two windows agree on.
        """
        told = torch.cat([features[group].float() for group in CODED], -1)
        return told.view(-1, bars, told.shape[1])

    def plan(self, z: Tensor, *, doubt: Tensor | float = 0.0, heard: Tensor | None = None) -> BarPlan:
        """Slot memories and what the element decoders take from latents ``(batch, bars, latent)``.

        ``doubt`` ``(batch,)`` in 0..1 is how far latents aren't to be believed: those of no real clip don't agree
        wholly. The note-level decoder rather goes by the notes so far then, and what harmony, register and dynamics
        tell counts less, by a learned ``mistrust``. In training all of them hear such latents as ``heard``, ``z`` with
        noise (conditioning augmentation: Ho et al. 2022).
        """
        tempo = self.tempo.logits(self.config.split(z)["tempo"])
        unsure = torch.as_tensor(doubt, dtype=z.dtype, device=z.device).view(-1, 1, 1).expand(*z.shape[:2], 1)
        dtype = self.plan_inner.weight.dtype
        told = torch.cat([z if heard is None else heard, unsure], -1).to(dtype)
        groups, unclear = self.config.split(z.to(dtype)), self.config.split(told[..., :-1])
        inner = F.silu(norm(self.plan_inner(told)))
        memory = self.plan_memory(inner).unflatten(-1, (SLOTS, self.config.memory))
        seen = groups if self.config.two_level else dict.fromkeys(GROUPS, z.to(dtype))
        onsets, thickness = self.onsets.latent(seen["rhythm"]), self.texture.thickness(seen["texture"])
        chroma = self.chroma(unclear["harmony"]).float().unflatten(-1, (2, 12))
        height, loudness = self.height.levels(unclear["register"]), self.loudness.levels(unclear["dynamics"])
        trust = torch.exp(-self.mistrust.float() * unsure[:, 0])
        return BarPlan(told, norm(memory), onsets, thickness, chroma, height, loudness, tempo, trust)

    def embed_steps(self, tokens: Tensor, domain: Tensor, slots: Tensor, coming: Tensor) -> Tensor:
        """Input of the decoder: tokens ``(batch, steps, 7)``, ``domain`` ``(batch,)``, slot memory of each step.

        ``coming`` ``(batch, steps, 3)`` is what is ``ahead`` of notes, -1 for other steps.
        """
        pitch = torch.where(tokens[..., PITCH] < 0, -1, tokens[..., PITCH] - LOWEST_PITCH)
        fields = [
            tokens[..., POSITION], pitch, tokens[..., DURATION], tokens[..., VELOCITY], tokens[..., TEMPO],
            tokens[..., METER], domain[:, None].expand(tokens.shape[:2]),
        ]  # fmt: skip
        embedded: Tensor = self.embed(fields) + self.embed_ahead(list(coming.unbind(-1))) + self.slot_in(slots)
        return embedded

    def position_logits(self, onsets: Tensor, thickness: Tensor, last: Tensor, count: Tensor, domain: Tensor) -> Tensor:
        """Log-probabilities of the next position ``(rows, POSITION_CLASSES)``: the ``last`` one again, or a later one.

        ``onsets`` ``(rows, hidden)`` are the bar's (``BarPlan``), ``thickness`` ``(rows,)`` is that of the slot of
        ``last``, ``count`` the notes at ``last`` so far.
        """
        again = self.texture(thickness, last, count, domain)[:, None]
        later: Tensor = self.onsets(onsets, last, domain) + F.logsigmoid(-again)
        classes = torch.arange(POSITION_CLASSES, device=last.device)
        return torch.where((classes == last[:, None]) & (last[:, None] != BAR), F.logsigmoid(again), later)

    @staticmethod
    def with_next(chroma: Tensor) -> Tensor:
        """What harmony tells of each half bar, with the next one's: ``(batch, bars, 2, 12)``, ``(…, bars, 2, 2, 12)``.

        The last half bar of a clip is its own next.
        """
        halves = chroma.flatten(1, 2)
        both = torch.stack([halves, torch.cat([halves[:, 1:], halves[:, -1:]], 1)], 2)
        return both.view(*chroma.shape[:3], 2, chroma.shape[-1])

    def experts(self, chroma: Tensor, height: Tensor) -> Tensor:
        """What harmony (``chroma`` ``(rows, 12)``) and register (``height``) say of pitches: ``(rows, PITCHES)``."""
        if not self.config.two_level:
            return torch.zeros_like(height)
        pitch_class = (torch.arange(PITCHES, device=chroma.device) + LOWEST_PITCH) % 12
        return chroma[..., pitch_class] + height

    def before_note(self, x: Tensor, memory: Tensor, coming: Tensor) -> Tensor:
        """The state ``(rows, dim + memory)`` from which a note is told.

        ``x`` ``(rows, dim)`` is the decoder's, ``memory`` that of its slot, ``coming`` ``(rows, 3)`` what is ``ahead``.
        """
        state: Tensor = torch.cat([x, memory], -1) + self.ahead(list(coming.unbind(-1)))
        return state

    def duration_logits(self, state: Tensor, position: Tensor) -> Tensor:
        """Logits of the duration class. It comes before the pitch, since harmony asks how long pitch classes sound."""
        logits: Tensor = self.duration_head(state + self.duration_given([position]))
        return logits

    def pitch_logits(
        self, state: Tensor, experts: Tensor, position: Tensor, duration: Tensor, *, floor: Tensor, left: Tensor
    ) -> Tensor:
        """Logits of the pitch (0-87) at ``position``: above ``floor``, with room for ``left`` more notes over it.

        The note-level decoder's and those of the element decoders are added: a product of experts.
        """
        logits: Tensor = self.pitch_head(state + self.pitch_given([position, duration])) + experts
        pitch = torch.arange(PITCHES, device=state.device)
        over = (pitch <= floor[..., None]) | (pitch >= PITCHES - left[..., None])
        return logits.masked_fill(over, -1e4)

    def velocity_logits(
        self, state: Tensor, loudness: Tensor, position: Tensor, pitch: Tensor, duration: Tensor
    ) -> Tensor:
        """Logits of the velocity bin; those of ``loudness``, which dynamics tells, are added."""
        logits: Tensor = self.velocity_head(state + self.velocity_given([position, pitch, duration]))
        return logits + loudness if self.config.two_level else logits
