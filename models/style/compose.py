"""Composing: latents from the prior or from pieces, with what is borrowed, kept and held, and notes written to them.

The piece model writes what latents say; what it wrote is encoded again. So the latents of what was written are those of
its notes, not those that were asked for: who asked hears, or reads, how far it went.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.music.keys import likely_key
from models.music.notes import DOMAINS, Domain, MusicError, Piece, in_melody
from models.music.tokens import METERS, bar_ticks, from_tokens, regular_bars, to_tokens
from models.style.checkpoint import StyleBundle
from models.style.drafts import BEFORE, Ask, Draft, Locks, around_locked, as_latents_say, asked_for
from models.style.features import bar_features, gather_notes
from models.style.fingerprint import rejection_reason
from models.style.latents import (
    BARS,
    CODES,
    GROUPS,
    SWAPPABLE,
    TEMPERATURE,
    TOLD_GROUPS,
    TOP_P,
    Latents,
)
from models.style.pieces.bar_latents import BarLatents, Reader, tune_correlation
from models.style.pieces.conditions import ABSENT, Place
from models.style.pieces.grammar import Held
from models.style.pieces.sampling import Writer
from models.style.prior import Kept, Setting
from models.style.windows import pad

Origin = Piece | Latents
METER_NAMES = tuple(f"{n}/{d}" for n, d in METERS)
FREE = Locks()
AT_BAR = 8  # what is asked for is no beginning of a piece
TRIES = 3  # at writing what may be offered, before what may not be is taken


@dataclass(frozen=True)
class ClipPlan:
    """One clip to be written: what the piece model is asked for, and how it came about."""

    ask: Ask
    domain: Domain
    seed: int
    recipe: Mapping[str, Any]

    @property
    def latents(self) -> Latents:
        """What is asked for, with what is borrowed in its place."""
        return self.ask.latents


class NoWriter(ValueError):  # noqa: N818 (as a sentence says it)
    """No piece model is there, or none that hears latents: nothing can be written."""


class Composer:
    """A style model on a device, with the ``writer`` that its card names; may be called from many threads."""

    def __init__(self, bundle: StyleBundle, device: str = "cpu") -> None:
        self.bundle, self.device = bundle, device
        self.model, self.prior = bundle.model.to(device), bundle.prior.to(device)
        self.version = bundle.version
        self.writer = _writer_of(bundle, device)

    def with_writer(self, writer: Writer) -> Composer:
        """The same with another writer; this one stays as it is."""
        other = copy(self)
        other.writer = writer
        return other

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
        drawn = self._draw_around(base, (), (DOMAINS.index(domain), _meter(base)), seed, keep=keep, count=count)
        return [self._latents(row, base.piece) for row in drawn]

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
        """One clip: ``content`` (or a draw from the prior) with what is ``SWAPPABLE`` taken from ``styles``.

        ``drawn`` is the draw for this domain and seed, where one was made already. Shorter styles are repeated bar by
        bar. Below a ``keep`` of 1 what neither ``locks`` nor ``styles`` hold is composed anew, the less like the
        content the smaller it is (0: not at all). ``notes`` are those whose tune stays, and that locked bars and a
        locked melody are taken from; by default the content's. Style codes say how the prior draws, ``guidance`` how
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
        borrowed = [name for name in styles if name != CODES]
        for name in borrowed:
            own = self._origin(styles[name]).groups[name]
            groups[name] = own[np.arange(length) % len(own)]
        if codes is not None:
            about[CODES] = codes[0].tolist()
        latents = replace(base, groups=groups, piece=about)
        meter = _meter(base)
        if (keep < 1 or locks != FREE) and content is None:
            raise ValueError("something is to be kept, but there is no content to keep it of; give one")
        if notes is None and isinstance(content, Piece):
            notes = whole_bars(content)
        if locks != FREE:
            _require_notes(notes, locks, length, meter)
            ask = around_locked(domain, latents, notes, locks, borrowed=borrowed, keep=keep)
        elif keep < 1:
            setting = (DOMAINS.index(domain), meter)
            ask = as_latents_say(self._renewed(latents, borrowed, setting, seed, keep=keep, guidance=guidance))
        else:
            anew = codes is not None or guidance != 1
            ask = asked_for(latents, None if anew else notes, borrowed)
        usual = (temperature, top_p) == (TEMPERATURE, TOP_P)
        recipe = {
            "model_version": self.version,
            "domain": domain,
            "meter": METER_NAMES[meter],
            "bars": length,
            "seed": seed,
            "content": _kind(content),
            "styles": {name: _kind(origin) for name, origin in styles.items()},
            **({} if usual else {"temperature": temperature, "top_p": top_p}),
            **({"keep": keep} if keep < 1 else {}),
            **({"guidance": guidance} if guidance != 1 else {}),
            **({"locks": asdict(locks), "times": ask.times} if locks != FREE else {}),
        }
        return ClipPlan(ask if usual else replace(ask, temperature=temperature, nucleus=top_p), domain, seed, recipe)

    def compose(self, plans: Sequence[ClipPlan]) -> list[Piece]:
        """What is written for each of some plans, whether it may be offered or not; those of a domain side by side."""
        found: dict[int, Piece] = {}
        for domain in dict.fromkeys(plan.domain for plan in plans):
            places = [place for place, plan in enumerate(plans) if plan.domain == domain]
            asks, seeds = [plans[place].ask for place in places], [(plans[place].seed, 0) for place in places]
            written = self._written(domain, asks, seeds, None)
            found |= {place: tries[0] for place, tries in zip(places, written, strict=True)}
        return [found[place] for place in range(len(plans))]

    def write(
        self,
        domain: Domain,
        asks: Sequence[Ask],
        seeds: Sequence[Sequence[int]],
        between: Callable[[], None] | None = None,
    ) -> list[Draft | None]:
        """What is written for each of ``asks`` with its own of ``seeds``; None for what could not be offered.

        The same is written again for the same. ``between`` is called between two steps of writing
        (``Writer.play_on``); what it raises ends the work.

        Raises ``NoWriter``, and ``ValueError`` for latents of another model.
        """
        written = self._written(domain, asks, seeds, between)
        return [self._first_draft(tries, ask.latents.bars) for ask, tries in zip(asks, written, strict=True)]

    def write_surely(
        self,
        domain: Domain,
        asks: Sequence[Ask],
        seeds: Sequence[int],
        between: Callable[[], None] | None = None,
    ) -> list[Draft]:
        """As ``write``, but nothing goes without: after ``TRIES`` what may not be offered is taken as it came first."""
        found: dict[int, Draft] = {}
        came: dict[int, Piece] = {}
        for attempt in range(TRIES):
            rest = [place for place, ask in enumerate(asks) if place not in found and attempt * ask.times < TRIES]
            written = self._written(domain, [asks[p] for p in rest], [(seeds[p], attempt) for p in rest], between)
            for place, tries in zip(rest, written, strict=True):
                came.setdefault(place, tries[0])
                if draft := self._first_draft(tries, asks[place].latents.bars):
                    found[place] = draft
        return [found.get(place) or self._as_it_came(ask, came[place]) for place, ask in enumerate(asks)]

    def _written(
        self,
        domain: Domain,
        asks: Sequence[Ask],
        seeds: Sequence[Sequence[int]],
        between: Callable[[], None] | None,
    ) -> list[list[Piece]]:
        """Of each of ``asks`` all tries, the best first."""
        writer = self.writer
        if writer is None or writer.bundle.model.latents is None:
            lacks = "has no piece model" if writer is None else f"has {writer.version}, which hears no latents"
            raise NoWriter(f"the model {self.version} {lacks}; train one (python -m models.train.pieces --latents)")
        if wrong := {ask.latents.version for ask in asks} - {self.version}:
            raise ValueError(f"latents of {', '.join(sorted(wrong))} were given to {self.version}")
        reader = writer.reader(self.model)
        alike: dict[tuple[object, ...], list[int]] = defaultdict(list)
        for place, ask in enumerate(asks):
            alike[ask.guidance, ask.guided, ask.latents.bars, ask.temperature, ask.nucleus].append(place)
        found: dict[int, list[Piece]] = {}
        for places in alike.values():
            first = asks[places[0]]
            every = [(place, time) for place in places for time in range(asks[place].times)]
            known = {place: _known(reader, asks[place]) for place in places}
            told = {place: _told(reader.sizes, asks[place], known[place], seeds[place]) for place in places}
            where = {place: _where(reader, asks[place].latents, known[place]) for place in places}
            weighed = writer.told(
                domain, [told[place] for place, _ in every], [(*seeds[place], time) for place, time in every],
                [where[place] for place, _ in every], guidance=first.guidance, guided=first.guided,
                temperature=first.temperature, nucleus=first.nucleus,
                held=[_held(asks[place]) for place, _ in every], between=between,
            )  # fmt: skip
            for place in places:
                own = [each for (whose, _), each in zip(every, weighed, strict=True) if whose == place]
                found[place] = _best_first(reader, asks[place], told[place], own)
        return [found[place] for place in range(len(asks))]

    def _first_draft(self, tries: Sequence[Piece], bars: int) -> Draft | None:
        return next((draft for piece in tries if (draft := self._draft(piece, bars))), None)

    def _draft(self, piece: Piece, bars: int) -> Draft | None:
        try:
            notes = whole_bars(piece)
        except MusicError:
            return None
        if len(notes.bars) != bars or rejection_reason(notes, self.bundle.fingerprint) is not None:
            return None
        return Draft(self._of_written(self.encode(notes)), notes)

    def _as_it_came(self, ask: Ask, piece: Piece) -> Draft:
        """With the latents that were asked for where a bar without notes leaves none to encode."""
        try:
            latents = self.encode(piece)
        except MusicError:
            latents = ask.latents
        return Draft(self._of_written(latents if latents.bars == ask.latents.bars else ask.latents), piece)

    def _of_written(self, latents: Latents) -> Latents:
        assert self.writer is not None
        return replace(latents, piece={**latents.piece, "writer": self.writer.version, BEFORE: AT_BAR})

    @torch.inference_mode()
    def _renewed(
        self,
        latents: Latents,
        chosen: Collection[str],
        setting: tuple[int, int],
        seed: int,
        *,
        keep: float,
        guidance: float,
    ) -> Latents:
        """Latents drawn anew but for ``chosen`` groups, in the key that their harmony speaks of."""
        (drawn,) = self._draw_around(latents, chosen, setting, seed, keep=keep, count=1, guidance=guidance)
        return self._latents(torch.where(self._mask(chosen), _whole(latents), drawn), latents.piece)

    @torch.inference_mode()
    def _draw_around(
        self,
        latents: Latents,
        chosen: Collection[str],
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
        kept = Kept(z[rows].expand_as(noise), self._mask(chosen).expand_as(noise), keep)
        drawn = self.prior.carry(noise, asked, guidance=guidance, kept=kept)
        return drawn.float().cpu()[:, : latents.bars]

    def _mask(self, chosen: Collection[str]) -> Tensor:
        """Which latents ``(latent,)`` are those of ``chosen`` groups."""
        widths = self.model.config.latent
        return torch.cat([torch.full((widths[name],), name in chosen) for name in GROUPS])

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


def _require_notes(notes: Piece | None, locks: Locks, bars: int, meter: int) -> None:
    """Raises ``ValueError`` where ``locks`` hold notes that aren't there, or bars that the clip won't have."""
    outside = [bar for bar in locks.bars if not 0 <= bar < bars]
    if outside:
        raise ValueError(f"bars {outside} are to be locked; there are {bars} bars, 0 to {bars - 1}")
    if not locks.notes_stay:
        return
    if notes is None:
        raise ValueError("locked bars and a locked melody need the notes that stay; give them beside the latents")
    length = bar_ticks(*METERS[meter])
    if len(notes.bars) < bars or (notes.bars[:bars, 1] != length).any():
        raise ValueError(
            f"the locked notes have {len(notes.bars)} bars of {sorted(set(notes.bars[:, 1].tolist()))} ticks; "
            f"{bars} of {length} are composed, and both must be the same"
        )


def _best_first(reader: Reader, ask: Ask, told: BarLatents, written: Sequence[tuple[Piece, float]]) -> list[Piece]:
    """Those first after which what stays is likeliest; where nothing does, whose top line is most like the one told.

    ``written``: pieces, and how likely (log) what stays was in them.
    """
    pieces, likelihood = zip(*written, strict=True)
    if ask.holds:
        pieces = tuple(_restored(each, ask) for each in pieces)
    elif len(pieces) > 1:
        likelihood = tuple(tune_correlation(told, each) for each in reader.read([to_tokens(each) for each in pieces]))
    return [pieces[number] for number in np.argsort(-np.array(likelihood), kind="stable").tolist()]


def _known(reader: Reader, ask: Ask) -> BarLatents:
    """All that is asked for, surely; no tune where its bars aren't those of the latents."""
    tune = _tune(ask)
    latents = reader.stored(ask.latents, None if tune is None else to_tokens(tune))
    return replace(latents, told=latents.told & np.isin(TOLD_GROUPS, ask.groups))


def _tune(ask: Ask) -> Piece | None:
    """The notes of the bars that latents tell of; None where they have fewer."""
    if ask.tune is None:
        return None
    try:
        notes = ask.tune if ask.holds else whole_bars(ask.tune)
    except MusicError:
        return None
    return notes.window(0, ask.latents.bars) if len(notes.bars) >= ask.latents.bars else None


def _told(sizes: Sequence[int], ask: Ask, known: BarLatents, seed: Sequence[int]) -> BarLatents:
    """What is told of what is ``known``: of bars that aren't held the less surely, the less is kept; at last nothing.

    Groups that are ``sure`` are told surely in all bars, ``doubted`` ones as doubtfully in all.

    Where nothing is kept, the bars that are held are heard as they come, and that is enough: told of them as well,
    pop was told from real music in .70 instead of .61, dance in .63 instead of .59 (50 validation clips a kind).
    """
    if ask.keep == 1 and not ask.doubted:
        return known
    free = ~np.isin(np.arange(len(known.told)), ask.held)[:, None]
    sure = np.isin(TOLD_GROUPS, ask.sure)
    by_group = np.array([ask.doubted.get(group, 0.0) for group in TOLD_GROUPS])
    doubt = np.maximum(np.where(free & ~sure, 1 - ask.keep, known.doubt), by_group).astype(np.float32)
    noise = np.random.default_rng(list(seed)).standard_normal(known.values.shape, dtype=np.float32)
    values = (known.values + np.repeat(doubt, sizes, axis=1) * noise).astype(np.float32)
    return BarLatents(values, known.told & ((ask.keep > 0) | sure), doubt)


def _held(ask: Ask) -> Held:
    """The notes that stay, as steps; none where nothing does."""
    notes = _tune(ask) if ask.holds else None
    if notes is None:
        return Held(np.zeros((0, 7), dtype=np.int16))
    top = to_tokens(replace(notes, notes=notes.notes[_highest(notes)])) if ask.melody and len(notes.notes) else None
    return Held(to_tokens(notes), ask.held, top)


def _highest(piece: Piece) -> npt.NDArray[np.bool_]:
    """Which notes ``(notes,)`` are the melody: the highest that sound where they begin, one an onset."""
    highest = in_melody(piece)
    onset = np.where(highest, piece.notes[:, 0], -1)
    first = np.zeros(len(onset), dtype=bool)
    first[np.unique(onset, return_index=True)[1]] = True
    return highest & first


def _restored(made: Piece, ask: Ask) -> Piece:
    """``made`` with the notes that stay exactly as they were, whatever the token grid made of them."""
    notes = _tune(ask) if ask.holds else None
    if notes is None or not len(notes.notes):
        return made
    bar = np.searchsorted(made.bars[:, 0], made.notes[:, 0], side="right") - 1
    stays = np.isin(np.searchsorted(notes.bars[:, 0], notes.notes[:, 0], side="right") - 1, ask.held)
    gone = np.isin(bar, ask.held)
    if ask.melody:
        highest = _highest(notes)
        told = from_tokens(to_tokens(replace(notes, notes=notes.notes[highest]))).notes
        as_told = {(onset, pitch) for onset, pitch in told[:, [0, 2]].tolist()}
        gone |= np.array([(onset, pitch) in as_told for onset, pitch in made.notes[:, [0, 2]].tolist()], dtype=bool)
        stays |= highest
    return replace(made, notes=np.concatenate([made.notes[~gone], notes.notes[stays]]))


def _where(reader: Reader, latents: Latents, known: BarLatents) -> Place:
    """In the meter and the tempo that the latents tell."""
    return Place(AT_BAR, ABSENT, (), _meter(latents), reader.tempo(known))


def _writer_of(bundle: StyleBundle, device: str) -> Writer | None:
    """The piece model that the card names: a shipped one, or a folder, also one beside the card."""
    named = bundle.card.get("pieces")
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
