"""Composing: latents from the prior or from pieces, with what is borrowed, kept and locked, ready to be decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.music.keys import likely_key
from models.music.notes import DOMAINS, Domain, MusicError, Piece
from models.music.tokens import (
    GRID_TICKS,
    METERS,
    to_tokens,
)
from models.style.checkpoint import StyleBundle
from models.style.clip_plan import ClipPlan
from models.style.constraints import Constraints, latent_mask
from models.style.decode import DecodeBatch
from models.style.features import bar_features, gather_notes
from models.style.latents import BARS, CODES, DOUBT, EMPHASIS, GROUPS, SWAPPABLE, TEMPERATURE, TOP_P, Latents
from models.style.locks import Locks
from models.style.pieces.sampling import Writer
from models.style.prior import Kept, Setting
from models.style.windows import bar_ticks, pad, regular_bars

Origin = Piece | Latents
METER_NAMES = tuple(f"{n}/{d}" for n, d in METERS)
FREE = Locks()
HARMONISATIONS = 8  # draws of which one is chosen to go with a locked melody


class Composer:
    """A style model on a device, ready to compose; its methods may be called from many threads."""

    def __init__(self, bundle: StyleBundle, device: str = "cpu") -> None:
        self.bundle, self.device = bundle, device
        self.model, self.prior = bundle.model.to(device), bundle.prior.to(device)
        self.version = bundle.version
        self.writer = _writer_of(bundle, "pieces", device)
        self.asked = _writer_of(bundle, "asked", device)

    @torch.inference_mode()
    def encode(self, piece: Piece) -> Latents:
        """Posterior means of the piece's first eight bars (fewer where it is shorter); raises ``MusicError``."""
        piece = whole_bars(piece)
        bars = len(piece.bars)
        notes = gather_notes(pad([to_tokens(piece)]).to(self.device), bars)
        features = bar_features(notes)
        mean = self.model.encode(features).mean.float().cpu()
        numerator, denominator = piece.bars[0, 2:].tolist()
        codes = self.model.encode_codes(features, bars)[0].tolist()
        about = {"domain": piece.domain, "meter": f"{numerator}/{denominator}", CODES: codes}
        return self._latents(mean, about)

    def sample_near(self, latents: Latents, keep: float, domain: Domain, count: int, seed: int) -> list[Latents]:
        """``count`` draws from the prior near ``latents`` and in their key; the same seed gives the same draws.

        Each starts ``keep`` (0 to 1) of the way to them: at 0 only meter, key and codes are theirs, at 1 all is.
        """
        base = self._origin(latents)
        mask = torch.zeros((base.bars, sum(self.model.config.latent.values())), dtype=torch.bool)
        drawn = self._draw_around(base, mask, (DOMAINS.index(domain), _meter(base)), seed, keep=keep, count=count)
        return [self._latents(row, {**base.piece, "doubt": DOUBT * (1 - keep)}) for row in drawn]

    def draw_each(
        self, domains: Sequence[Domain], seeds: Sequence[int], codes: Tensor | None = None, guidance: float = 1.0
    ) -> list[Latents]:
        """A draw from the prior for each pair, the same again for the same; eight cost as much as three.

        With ``codes`` ``(pairs, codes)`` of style instead of drawn ones, where they are given. ``guidance``: how far
        towards what is asked for; 1 is as learned, 0 as if nothing was.
        """
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        rows = [(DOMAINS.index(domain), generator) for domain, generator in zip(domains, generators, strict=True)]
        setting = Setting.join([self.prior.draw_setting(domain, 1, generator) for domain, generator in rows])
        if codes is not None:
            setting = replace(setting, codes=codes)
        shape = (1, self.prior.config.bars, self.prior.config.latent_dim)
        noise = torch.cat([torch.randn(shape, generator=generator) for generator in generators])
        z = self.prior.carry(noise, setting, guidance=guidance).float().cpu()
        return [self._drawn(row, setting, place) for place, row in enumerate(z)]

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
        keep: float = 1.0,
        locks: Locks = FREE,
        notes: Piece | None = None,
        guidance: float = 1.0,
    ) -> ClipPlan:
        """Latents of one clip: ``content`` (or a draw from the prior) with what is ``SWAPPABLE`` taken from ``styles``.

        ``drawn`` is the prior's draw for this domain and seed, where ``draw_each`` has made it already. Shorter styles
        are repeated bar by bar. Below a ``keep`` of 1 the latents that neither ``locks`` nor ``styles`` hold are drawn
        anew, the less like the content the smaller it is (0: not at all); ``notes`` are those that locked bars and a
        locked melody are taken from, by default the content's. Style codes say how the prior draws, ``guidance`` how
        strictly it goes by them, domain and key (see ``draw_each``). Raises ``MusicError`` for music that can't be
        encoded and ``ValueError`` for unknown groups or domains, a number of bars outside 1 to 8, latents of another
        model, codes or guidance where nothing is drawn, or locks that have nothing to hold.
        """
        if domain not in DOMAINS:
            raise ValueError(f"domain {domain!r} was given; there are {list(DOMAINS)}")
        if not 1 <= bars <= BARS:
            raise ValueError(f"{bars} bars were asked for; 1 to {BARS} are allowed")
        unknown = sorted(set(styles) - set(SWAPPABLE))
        if unknown:
            raise ValueError(f"styles {unknown} were asked for; there are {list(SWAPPABLE)}")
        codes = self._codes(self._origin(styles[CODES])) if CODES in styles else None
        if content is not None and keep == 1 and (codes is not None or guidance != 1):
            says = "codes say" if codes is not None else "guidance says"
            raise ValueError(f"{says} how to draw, and all of the content is kept; keep less of it, or give none")
        base = drawn if content is None else self._origin(content)
        base = base or self.draw_each([domain], [seed], codes, guidance)[0]
        groups = {name: value[:bars] for name, value in base.groups.items()}
        length = len(groups["content"])
        about = dict(base.piece)
        for name, origin in styles.items():
            if name != CODES:
                own = self._origin(origin).groups[name]
                groups[name] = own[np.arange(length) % len(own)]
        if codes is not None:
            about[CODES] = codes[0].tolist()
        latents = replace(base, groups=groups, piece=about)
        meter = _meter(base)
        held = self._held(content, notes, locks, length, meter)
        if (keep < 1 or locks != FREE) and content is None:
            raise ValueError("something is to be kept, but there is no content to keep it of; give one")
        if keep < 1:
            mask = latent_mask(locks, styles, self.model.config.latent, length)
            setting = (DOMAINS.index(domain), meter)
            latents = self._renewed(latents, mask, setting, seed, keep=keep, held=held, guidance=guidance)
        z = _whole(latents)[None].to(self.device)
        recipe = {
            "model_version": self.version,
            "domain": domain,
            "meter": METER_NAMES[meter],
            "bars": length,
            "seed": seed,
            "temperature": temperature,
            "top_p": top_p,
            "content": _kind(content),
            "styles": {name: _kind(origin) for name, origin in styles.items()},
            **({"keep": keep} if keep < 1 else {}),
            **({"guidance": guidance} if guidance != 1 else {}),
            **({"locks": asdict(locks)} if locks != FREE else {}),
        }
        plan = self.model.plan(z, doubt=float(latents.piece.get("doubt", 0.0)))
        emphasis = tuple(EMPHASIS[group] if group in (*styles, *locks.groups) else None for group in EMPHASIS)
        return ClipPlan(plan, latents, DOMAINS.index(domain), meter, seed, temperature, top_p, recipe, emphasis, held)

    def new_batch(self, slots: int) -> DecodeBatch:
        """Room for ``slots`` clips at once."""
        return DecodeBatch(self.model, self.device, slots)

    def compose(self, plans: list[ClipPlan]) -> list[Piece]:
        """Decode some plans together (evaluations; the engine steps a batch of its own)."""
        batch = self.new_batch(len(plans))
        for slot, plan in enumerate(plans):
            batch.admit(slot, plan)
        pieces: dict[int, Piece] = {}
        while len(pieces) < len(plans):
            pieces |= {slot: batch.take(slot) for slot in batch.step()}
        return [pieces[slot] for slot in range(len(plans))]

    def _held(
        self, content: Origin | None, notes: Piece | None, locks: Locks, bars: int, meter: int
    ) -> Constraints | None:
        outside = [bar for bar in locks.bars if not 0 <= bar < bars]
        if outside:
            raise ValueError(f"bars {outside} are to be locked; there are {bars} bars, 0 to {bars - 1}")
        if not locks.notes_stay:
            return None
        if notes is None and isinstance(content, Piece):
            notes = whole_bars(content)
        if notes is None:
            raise ValueError("locked bars and a locked melody need the notes that stay; give them beside the latents")
        return Constraints(notes, locks, bars, bar_ticks(*METERS[meter]) // GRID_TICKS)

    @torch.inference_mode()
    def _renewed(
        self,
        latents: Latents,
        mask: Tensor,
        setting: tuple[int, int],
        seed: int,
        *,
        keep: float,
        held: Constraints | None,
        guidance: float,
    ) -> Latents:
        """Latents drawn anew where ``mask`` ``(bars, latent)`` is false, in the key that their harmony speaks of.

        For a locked melody that of several draws whose harmony tells its notes best.
        """
        count = HARMONISATIONS if held is not None and held.melody is not None else 1
        drawn = self._draw_around(latents, mask, setting, seed, keep=keep, count=count, guidance=guidance)
        best = 0
        if held is not None and held.melody is not None:
            best = int((self._chroma(drawn).cpu() * held.melody.chroma(latents.bars)).sum((1, 2, 3)).argmax())
        return self._latents(
            torch.where(mask, _whole(latents), drawn[best]), {**latents.piece, "doubt": DOUBT * (1 - keep)}
        )

    @torch.inference_mode()
    def _draw_around(
        self,
        latents: Latents,
        mask: Tensor,
        setting: tuple[int, int],
        seed: int,
        *,
        keep: float,
        count: int,
        guidance: float = 1.0,
    ) -> Tensor:
        """``count`` draws ``(count, bars, latent)`` that hold on to ``latents`` as ``Kept`` says, in their key."""
        rows = torch.arange(self.prior.config.bars) % latents.bars  # the prior knows whole clips alone
        z = _whole(latents)
        sounding = self._chroma(z[None]).exp().sum((0, 1, 2))
        domain, meter, key = (torch.tensor([index] * count) for index in (*setting, likely_key(sounding.cpu().numpy())))
        asked = Setting(domain, meter, key, self._codes(latents).expand(count, -1))
        noise = torch.randn((count, len(rows), z.shape[1]), generator=torch.Generator().manual_seed(seed))
        kept = Kept(z[rows].expand_as(noise), mask[rows].expand_as(noise), keep)
        drawn = self.prior.carry(noise, asked, guidance=guidance, kept=kept)
        return drawn.float().cpu()[:, : latents.bars]

    def _chroma(self, z: Tensor) -> Tensor:
        """Log-probabilities of pitch classes that harmony tells of: ``(clips, bars, latent)``, ``(…, bars, 2, 12)``."""
        harmony = self.model.config.split(z.to(self.device))["harmony"]
        told: Tensor = self.model.chroma(harmony).float().unflatten(-1, (2, 12)).log_softmax(-1)
        return told

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

    def _drawn(self, z: Tensor, setting: Setting, place: int) -> Latents:
        about = {
            "domain": DOMAINS[int(setting.domain[place])],
            "meter": METER_NAMES[int(setting.meter[place])],
            "doubt": DOUBT,
            CODES: setting.codes[place].tolist(),
        }
        return self._latents(z, about)

    def _codes(self, latents: Latents) -> Tensor:
        """Style codes of a piece as the prior takes them, ``(1, codes)``; 0 where they aren't known."""
        known = latents.piece.get(CODES, [0.0] * self.model.config.codes)
        if len(known) != self.model.config.codes or not np.isfinite(known).all():
            raise ValueError(f"codes are {known}; {self.model.config.codes} numbers from -1 to 1 are expected")
        return torch.tensor([known], dtype=torch.float32)

    def _latents(self, z: Tensor, piece: Mapping[str, Any]) -> Latents:
        parts = self.model.config.split(z)
        return Latents(self.version, {name: value.numpy().astype(np.float32) for name, value in parts.items()}, piece)


def _writer_of(bundle: StyleBundle, what: str, device: str) -> Writer | None:
    """The piece model that the card names: a shipped one, or a folder, also one beside the card.

    "pieces" writes from nothing, "asked" from latents that it is told.
    """
    named = bundle.card.get(what)
    if named is None:
        return None
    beside = bundle.folder / named if bundle.folder else None
    return Writer.load(beside if beside and beside.is_dir() else named, device)


def _whole(latents: Latents) -> Tensor:
    """All groups side by side, ``(bars, latent)``."""
    return torch.from_numpy(np.concatenate([latents.groups[group] for group in GROUPS], axis=1))


def _meter(latents: Latents) -> int:
    name = str(latents.piece.get("meter", "4/4"))
    if name not in METER_NAMES:
        raise ValueError(f"meter {name!r} was given; the model knows {list(METER_NAMES)}")
    return METER_NAMES.index(name)


def _kind(origin: Origin | None) -> str:
    return "prior" if origin is None else "notes" if isinstance(origin, Piece) else "latents"


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
