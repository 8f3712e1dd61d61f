"""The prior over latent sequences: a rectified flow on the bars of a clip, given its domain, meter and key.

A Gaussian can't say that bars agree on key and form; a transformer over the bars that learns the straight path from
noise to latents can, and better where it is told the key. Sources: Liu et al. 2023 (rectified flow), Lipman et al.
2023; guidance: Ho & Salimans 2022.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.music.notes import DOMAINS
from models.music.tokens import METERS
from models.style.latents import BARS, CODE_LEVELS
from models.style.layers import norm

KEYS = 24  # 0-11 C..B major, 12-23 C..B minor
EARLY = 0.5  # how much nearer to noise training times lie than even ones: form and key are decided there


@dataclass(frozen=True)
class Setting:
    """What draws are asked for: indices of domain, meter and key (``KEYS``) ``(batch,)``, style ``codes``.

    The codes are ``(batch, codes)`` in -1..1, as ``StyleModel.encode_codes`` gives them.
    """

    domain: Tensor
    meter: Tensor
    key: Tensor
    codes: Tensor

    def __len__(self) -> int:
        return len(self.domain)

    def __getitem__(self, rows: Tensor) -> Setting:
        return Setting(self.domain[rows], self.meter[rows], self.key[rows], self.codes[rows])

    def to(self, device: torch.device) -> Setting:
        """The same on ``device``."""
        return Setting(*(part.to(device) for part in (self.domain, self.meter, self.key, self.codes)))

    def free(self, rows: Tensor) -> Setting:
        """Without domain, key and codes in the ``rows`` ``(batch,)`` that are true."""
        return Setting(
            torch.where(rows, len(DOMAINS), self.domain),
            self.meter,
            torch.where(rows, KEYS, self.key),
            torch.where(rows[:, None], 0.0, self.codes),
        )

    @staticmethod
    def join(parts: Sequence[Setting]) -> Setting:
        """All ``parts``, one after the other."""
        fields = ([p.domain for p in parts], [p.meter for p in parts], [p.key for p in parts], [p.codes for p in parts])
        return Setting(*map(torch.cat, fields))


@dataclass(frozen=True)
class Kept:
    """What a draw holds on to: ``z`` ``(batch, bars, latent)``, wholly where ``mask`` (same shape) is true.

    Elsewhere the flow starts ``share`` of the way from noise to ``z`` (SDEdit: Meng et al. 2022): 0 is a draw that
    knows nothing but what stays, 1 is ``z`` itself.
    """

    z: Tensor
    mask: Tensor
    share: float


@dataclass(frozen=True)
class PriorConfig:
    """Sizes of the prior; ``latent_dim`` is that of the style model."""

    latent_dim: int
    codes: int
    dim: int = 256
    layers: int = 5
    heads: int = 4
    bars: int = BARS


class PriorBlock(nn.Module):
    """Full attention over the bars and an MLP, both scaled and shifted by the condition (adaLN).

    ``lean`` ``(heads, 2 * bars - 1)`` is how much more each head looks at bars so far before or after its own (Shaw et
    al. 2018, as a bias: Raffel et al. 2020): without it the flow hardly learns how neighbouring bars join.
    """

    def __init__(self, dim: int, heads: int, bars: int) -> None:
        super().__init__()
        self.heads = heads
        self.lean = nn.Parameter(torch.zeros(heads, 2 * bars - 1))
        self.condition = nn.Linear(dim, 4 * dim)
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)
        self.up = nn.Linear(dim, 4 * dim, bias=False)
        self.down = nn.Linear(4 * dim, dim, bias=False)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.down.weight)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """``x`` ``(batch, bars, dim)``, ``condition`` ``(batch, 1, dim)``."""
        scale_a, shift_a, scale_m, shift_m = self.condition(condition).chunk(4, -1)
        q, k, v = (
            self.qkv(norm(x) * (1 + scale_a) + shift_a).unflatten(-1, (3, self.heads, -1)).movedim(2, 0).transpose(2, 3)
        )
        place = torch.arange(x.shape[1], device=x.device)
        away = self.lean[:, place[:, None] - place + self.lean.shape[1] // 2]
        x = x + self.out(F.scaled_dot_product_attention(norm(q), norm(k), v, away).transpose(1, 2).flatten(2))
        more: Tensor = self.down(F.silu(self.up(norm(x) * (1 + scale_m) + shift_m)))
        return x + more


class Prior(nn.Module):
    """Velocity field of the flow; latents are standardised by ``mean`` and ``scale`` ``(latent_dim,)`` inside.

    ``weight`` ``(latent_dim,)`` is what an error in each dimension costs. Dimensions of weight 0 carry nothing (the
    style model's KL has closed them): the flow neither hears nor moves them, and draws have their mean there.
    """

    mean: Tensor
    scale: Tensor
    weight: Tensor
    meter_share: Tensor
    key_share: Tensor
    code_share: Tensor

    def __init__(self, config: PriorConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.zeros(config.latent_dim))
        self.register_buffer("scale", torch.ones(config.latent_dim))
        self.register_buffer("weight", torch.ones(config.latent_dim))
        self.register_buffer("meter_share", torch.full((len(DOMAINS), len(METERS)), 1 / len(METERS)))
        self.register_buffer("key_share", torch.full((len(DOMAINS), KEYS), 1 / KEYS))
        combinations = CODE_LEVELS**config.codes
        self.register_buffer("code_share", torch.full((len(DOMAINS), len(METERS), combinations), 1 / combinations))
        self.enter = nn.Linear(config.latent_dim, config.dim)
        self.place = nn.Parameter(torch.randn(config.bars, config.dim) * 0.1)
        self.domain = nn.Embedding(len(DOMAINS) + 1, config.dim)  # the last row: no condition
        self.meter = nn.Embedding(len(METERS), config.dim)
        self.key = nn.Embedding(KEYS + 1, config.dim)  # the last row: no condition
        self.codes = nn.Linear(config.codes, config.dim, bias=False)
        self.time = nn.Sequential(nn.Linear(32, config.dim), nn.SiLU(), nn.Linear(config.dim, config.dim))
        self.blocks = nn.ModuleList([PriorBlock(config.dim, config.heads, config.bars) for _ in range(config.layers)])
        self.leave = nn.Linear(config.dim, config.latent_dim)
        nn.init.zeros_(self.leave.weight)

    def forward(self, x: Tensor, time: Tensor, setting: Setting) -> Tensor:
        """Velocity at standardised ``x`` ``(batch, bars, latent)`` and ``time`` ``(batch,)``: 0 is noise, 1 music."""
        angle = time[:, None] * torch.logspace(0, 2.5, 16, device=x.device)
        waves = torch.cat([angle.sin(), angle.cos()], -1).to(self.place.dtype)
        asked = self.domain(setting.domain) + self.meter(setting.meter) + self.key(setting.key)
        asked = asked + self.codes(setting.codes.to(asked.dtype))
        condition = F.silu(self.time(waves) + asked)[:, None]
        open_ = self.weight > 0
        h = self.enter((x * open_).to(self.place.dtype)) + self.place[: x.shape[1]]
        for block in self.blocks:
            h = block(h, condition)
        velocity: Tensor = self.leave(norm(h)).float() * open_
        return velocity

    def matrices(self) -> list[nn.Parameter]:
        """The weights of the blocks that multiply: what Muon moves in training."""
        return [weight for weight in self.blocks.parameters() if weight.ndim == 2 and len(weight) >= self.config.dim]

    def standardise(self, z: Tensor) -> Tensor:
        """Latents ``(..., latent)`` as the flow sees them: mean 0, SD 1 in the data."""
        return (z - self.mean) / self.scale

    def loss(self, x: Tensor, setting: Setting, generator: torch.Generator) -> Tensor:
        """Flow-matching loss (weighted squared velocity error) for standardised latents ``(batch, bars, latent)``."""
        noise = torch.randn(x.shape, generator=generator, device=x.device)
        time = torch.sigmoid(torch.randn(len(x), generator=generator, device=x.device) - EARLY)
        free = torch.rand(len(x), generator=generator, device=x.device) < 0.1
        mixed = time[:, None, None] * x + (1 - time[:, None, None]) * noise
        error = (self(mixed, time, setting.free(free)) - (x - noise)).square()
        loss: Tensor = (error * self.weight).mean() / self.weight.mean()
        return loss

    @torch.inference_mode()
    def carry(
        self, noise: Tensor, setting: Setting, *, steps: int = 16, guidance: float = 1.0, kept: Kept | None = None
    ) -> Tensor:
        """Carry ``noise`` ``(batch, bars, latent)`` to latents, each row as its ``setting`` asks.

        By Heun's method over ``steps`` / 2 intervals. ``guidance`` above 1 moves away from what any domain in any key
        would play.
        What is ``kept`` follows its own straight path, so that the rest is drawn to go with it (inpainting: Lugmayr et
        al. 2022).
        """
        device = self.mean.device
        x, given = noise.to(device) * (self.weight > 0), setting.to(device)
        nothing = given.free(torch.ones(len(given), dtype=torch.bool, device=device))

        def velocity(x: Tensor, t: float) -> Tensor:
            time = torch.full((len(x),), t, device=device)
            v: Tensor = self(x, time, given)
            if guidance != 1.0:
                free = self(x, time, nothing)
                v = free + guidance * (v - free)
            return v

        start = 0.0
        if kept is not None:
            start, noise, goal = kept.share, x, self.standardise(kept.z.to(device))
            x = start * goal + (1 - start) * noise
        grid = torch.linspace(start, 1, steps // 2 + 1).tolist()
        for t, after in pairwise(grid):
            first = velocity(x, t)
            x = x + (after - t) * 0.5 * (first + velocity(x + (after - t) * first, after))
            if kept is not None:
                x = torch.where(kept.mask.to(device), after * goal + (1 - after) * noise, x)
        return x * self.scale + self.mean

    @torch.inference_mode()
    def returned(self, z: Tensor, setting: Setting, *, steps: int = 16) -> Tensor:
        """The noise from which ``carry`` would come to latents ``z`` ``(batch, bars, latent)``: the same way back."""
        device = self.mean.device
        x, given = self.standardise(z.to(device)) * (self.weight > 0), setting.to(device)
        for t, before in pairwise(torch.linspace(1, 0, steps // 2 + 1).tolist()):
            first = self(x, torch.full((len(x),), t, device=device), given)
            second = self(x + (before - t) * first, torch.full((len(x),), before, device=device), given)
            x = x + (before - t) * 0.5 * (first + second)
        return x

    def draw_setting(self, domain: int, count: int, generator: torch.Generator) -> Setting:
        """``count`` settings of a domain; meters, keys and codes of each meter as frequent as in training windows."""
        meter, key = (
            torch.multinomial(share[domain].cpu(), count, replacement=True, generator=generator)
            for share in (self.meter_share, self.key_share)
        )
        codes = torch.multinomial(self.code_share[domain, meter].cpu(), 1, replacement=True, generator=generator)[:, 0]
        return Setting(torch.full((count,), domain), meter, key, codes_of(codes, self.config.codes))


def index_of(codes: Tensor) -> Tensor:
    """The number of a combination of ``codes`` ``(..., codes)`` in -1..1, the first one's level counting most."""
    level = (codes.float() + 1) / 2 * (CODE_LEVELS - 1)
    worth = CODE_LEVELS ** torch.arange(codes.shape[-1] - 1, -1, -1, device=codes.device)
    return (level.round().long() * worth).sum(-1)


def codes_of(index: Tensor, codes: int) -> Tensor:
    """The combination of ``codes`` codes that ``index_of`` numbers so: ``(..., codes)``."""
    worth = CODE_LEVELS ** torch.arange(codes - 1, -1, -1, device=index.device)
    return (index[..., None] // worth % CODE_LEVELS) * 2 / (CODE_LEVELS - 1) - 1
