"""What a generator answers without a queue, and how a request is read: who waits for it, until when.

Without a queue it answers drafts, latents near a clip, and what is heard in given notes. A request on its way through
the engine is a ``Job``: what was asked, read and checked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from models.music.notes import DOMAINS, Domain, MusicError, Piece
from models.style.compose import ClipPlan, Composer, NoWriter, whole_bars
from models.style.drafting import TOGETHER, draft_each, part_seeds
from models.style.drafts import Ask, Draft, Locks
from models.style.latents import CODES, SWAPPABLE, TEMPERATURE, TOP_P, Latents
from webapp.generation.companions import MoodJudges, MusicShown, Tension, Towers, TrainedWriter
from webapp.generation.protocol import (
    MOST_ASKS,
    AskedResult,
    BadRequest,
    DraftsResult,
    DrawingsRequest,
    DrawingsResult,
    EncodeResult,
    GenerateRequest,
    GenerateResult,
    LatentsResult,
    Mood,
    MoodsResult,
    PlayedOnResult,
    RewardsResult,
    Source,
)
from webapp.runtime.errors import NobodyWaits
from webapp.runtime.waiting import POLL_S, Waits, always, turn

Note = tuple[int, int, int, int]  # onset and duration in ticks, pitch, velocity
Listener = Callable[[list[Note]], None]
Origin = Piece | Latents

MOST_BARS_OF_LATENTS = 8
Between = Callable[[], None]
DraftEach = Callable[[Sequence[Domain], Sequence[int], tuple[float, float] | None, Between], list[Draft]]
MOST = 1024  # drafts or latents
MOST_BARS = 64  # that a piece goes on at once
OF_A_MOOD = 4  # ways that a piece goes on, of which the one is taken that is heard nearest the mood


@dataclass(eq=False)
class Job:
    """A request that was taken in. ``future`` is answered once; several callers with one id wait for the same job."""

    request: GenerateRequest
    content: Origin | None
    styles: Mapping[str, Origin]
    locked_notes: Piece | None = None
    future: Future[GenerateResult] = field(default_factory=Future)
    waiters: int = 1
    listeners: list[Listener] = field(default_factory=list)
    draft: Draft | None = None
    plan: ClipPlan | None = None
    came: float = field(default_factory=time.monotonic)

    @property
    def locks(self) -> Locks:
        """What of the content stays."""
        asked = self.request.locks
        return Locks(tuple(sorted({*asked.bars})), asked.melody, asked.harmony, asked.rhythm)

    def __post_init__(self) -> None:
        self.deadline = self.came + self.request.deadline_ms / 1000
        # From here on nobody can cancel the future itself: one caller's timeout must not take it from the others.
        self.future.set_running_or_notify_cancel()

    @property
    def from_nothing(self) -> bool:
        """Whether nothing but the domain says what is to be composed."""
        return self.content is None and CODES not in self.styles and self.request.guidance == 1

    @property
    def as_drawn(self) -> bool:
        """Whether what was drawn for it stays as it is: nothing is borrowed, sampling is not to be changed."""
        sampling = self.request.temperature, self.request.top_p
        return self.from_nothing and not self.styles and sampling == (TEMPERATURE, TOP_P)

    def asks_the_same_as(self, other: GenerateRequest) -> bool:
        """Whether ``other`` asks for the same clip (deadline and streaming aside)."""
        aside = {"deadline_ms", "stream"}
        return self.request.model_dump(exclude=aside) == other.model_dump(exclude=aside)


def read_request(request: GenerateRequest, model_version: str) -> tuple[Origin | None, dict[str, Origin], Piece | None]:
    """Content, styles and locked notes of a request; raises ``BadRequest`` where they can't be what was meant."""
    if request.model is not None and request.model != model_version:
        raise BadRequest(f"model {request.model!r} was asked for; this generator has {model_version!r}")
    unknown = sorted(set(request.styles) - set(SWAPPABLE))
    if unknown:
        raise BadRequest(f"styles {unknown} were asked for; there are {list(SWAPPABLE)}")
    content = None if request.content is None else read_source(request.content, "content")
    styles = {name: read_source(source, name) for name, source in request.styles.items()}
    return content, styles, None if request.locks.notes is None else _piece(request.locks.notes, "locks.notes")


def read_source(source: Source, name: str) -> Origin:
    """A piece or latents; raises ``BadRequest``."""
    if (source.notes is None) == (source.latents is None):
        raise BadRequest(f"{name}: give either notes or latents")
    if source.notes is not None:
        return _piece(source.notes, name)
    try:
        latents = Latents.from_json(source.latents or {})
    except (MusicError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise BadRequest(f"{name}: {error}") from error
    if latents.of_picture:
        raise BadRequest(f"{name}: these are the latents of a picture; give those of music")
    for group, value in latents.groups.items():
        if value.ndim != 2 or not 1 <= len(value) <= MOST_BARS_OF_LATENTS or not np.isfinite(value).all():
            raise BadRequest(f"{name}: latents of {group} must be finite numbers of 1 to {MOST_BARS_OF_LATENTS} bars")
    return latents


def _piece(notes: dict[str, Any], name: str) -> Piece:
    try:
        return Piece.from_json(notes)
    except MusicError as error:
        raise BadRequest(f"{name}: {error}") from error


class Drawing:
    """Draws and encodes with ``composer``; may be asked from many threads. ``draft``: what else drafts."""

    def __init__(self, composer: Composer, draft: DraftEach | None = None) -> None:
        self.composer = composer
        self.tension, self.mood, self.shown, self.towers = Tension(), MoodJudges(), MusicShown(composer), Towers()
        self.trained = TrainedWriter(composer)
        self._draft: DraftEach = draft or partial(draft_each, composer)
        self._model = threading.Lock()  # one planning, encoding or drawing at a time
        self._writing = threading.Lock()  # one piece of longer work at a time

    def drafts(
        self,
        domain: str,
        count: int,
        seed: int,
        mood: Mood | None = None,
        *,
        trained: bool = False,
        background: bool = False,  # noqa: ARG002
        waits: Waits = always,
    ) -> DraftsResult:
        """``count`` clips from nothing; the same seed gives the same ones, in the same place of a piece if ``trained``.

        Raises ``BadRequest``, and ``NobodyWaits`` at the next step where nobody ``waits`` any more.
        They lean to a ``mood``, which is left out where the piece model was told no moods. What runs in the
        ``background`` is for whoever has several processes.
        """
        known, writer = _domain(domain, count, seed), self.composer.writer
        wished = (mood.valence, mood.arousal) if mood and writer and writer.heeds_moods else None
        draft = partial(draft_each, self.trained.composer(known)) if trained else self._draft
        made: list[Draft] = []
        for part, wanted in _parts(count):
            # of what one listener waits for there are no more than asked for
            together = wanted if wished or trained else TOGETHER
            with turn(self._writing, waits):
                seeds = part_seeds(seed, part)[:together]
                made += self._drafted([known] * together, seeds, wished, self._between(waits), draft)[:wanted]
            time.sleep(0.001)  # let others have the lock
        return DraftsResult(drafts=[one.to_json() for one in made], model_version=self.composer.version)

    def _drafted(
        self,
        domains: Sequence[Domain],
        seeds: Sequence[int],
        mood: tuple[float, float] | None,
        between: Between,
        draft: DraftEach | None = None,
    ) -> list[Draft]:
        """What is drafted; raises ``BadRequest`` where there is no piece model."""
        try:
            return (draft or self._draft)(domains, seeds, mood, between)
        except NoWriter as error:
            raise BadRequest(str(error)) from error

    def asked(self, domain: str, asks: Sequence[dict[str, Any]], seed: int, *, waits: Waits = always) -> AskedResult:
        """What is written for each of ``asks`` (``Ask.to_json``); the same seed gives the same again.

        Raises ``BadRequest`` for what can't be asked for; ``NobodyWaits`` at the next step where nobody ``waits``.
        """
        known = _domain(domain, len(asks), seed)
        try:
            read = [Ask.from_json(each) for each in asks]
            if (clips := sum(each.times for each in read)) > MOST_ASKS:
                raise BadRequest(f"{clips} clips were asked for at once; at most {MOST_ASKS} are allowed")
            with turn(self._writing, waits):
                seeds = [(seed, place) for place in range(len(read))]
                made = self.composer.write(known, read, seeds, self._between(waits))
        except (KeyError, TypeError, ValueError) as error:  # MusicError is one
            raise BadRequest(f"asks: {error}") from error
        return AskedResult(
            drafts=[None if one is None else one.to_json() for one in made], model_version=self.composer.version
        )

    def latents(self, domain: str, count: int, seed: int, *, near: dict[str, Any], keep: float) -> LatentsResult:
        """``count`` latents as long as ``near`` that start ``keep`` of the way to it; raises ``BadRequest``.

        The same seed gives the same ones.
        """
        known = _domain(domain, count, seed)
        if not 0 <= keep <= 1:
            raise BadRequest(f"a keep of {keep} was given; 0 (nothing) to 1 (all) is allowed")
        around = read_source(Source(latents=near), "near")
        assert isinstance(around, Latents)
        drawn: list[Latents] = []
        for part, wanted in _parts(count):
            part_seed = int(np.random.SeedSequence([seed, part]).generate_state(1)[0])
            try:
                with self._model:
                    # Always a whole part, so that asking for more gives the same first ones.
                    drawn += self.composer.sample_near(around, keep, known, TOGETHER, part_seed)[:wanted]
            except ValueError as error:  # of another model, or of another shape
                raise BadRequest(f"near: {error}") from error
            time.sleep(0.001)
        return LatentsResult(latents=[one.to_json() for one in drawn], model_version=self.composer.version)

    def play_on(
        self,
        notes: dict[str, Any],
        bars: int,
        seed: int,
        form: str = "",
        mood: Mood | None = None,
        *,
        regular: bool = False,
        waits: Waits = always,
    ) -> PlayedOnResult:
        """A piece with so many more bars, in which it comes to its end; the same seed gives the same again.

        With a ``mood``, ``OF_A_MOOD`` ways are written for it, and the judges take the nearest; it is left out where
        the piece model was told no moods. ``regular``: new bars are whole ones of one meter. Raises ``BadRequest`` for
        what can't be played on, and where no piece model
        is there; ``NobodyWaits`` at the next step where nobody ``waits`` any more.
        """
        writer = self.composer.writer
        if writer is None:
            raise BadRequest(f"the model {self.composer.version} has no piece model, which plays on; use another model")
        if not 1 <= bars <= MOST_BARS:
            raise BadRequest(f"{bars} more bars were asked for; 1 to {MOST_BARS} are allowed")
        wished = (mood.valence, mood.arousal) if mood and writer.heeds_moods else None
        ways = OF_A_MOOD if wished else 1
        try:
            with turn(self._writing, waits):
                made = writer.play_on(
                    Piece.from_json(notes), bars, count=ways, seed=seed, form=form, mood=wished,
                    regular=regular, between=self._between(waits),
                )  # fmt: skip
        except ValueError as error:  # MusicError is one
            raise BadRequest(str(error)) from error
        piece = self.mood.nearest(made, wished) if wished else made[0]
        version = self.composer.version
        return PlayedOnResult(notes=piece.to_json(), writer=writer.bundle.version, model_version=version)

    def _between(self, waits: Waits) -> Between:
        """What is done between two steps of longer work: clips go first, and what nobody waits for ends."""
        looked = time.monotonic()

        def step() -> None:
            nonlocal looked
            self._let_clips_go_first()
            if time.monotonic() - looked > POLL_S:
                looked = time.monotonic()
                if not waits():
                    raise NobodyWaits

        return step

    def _let_clips_go_first(self) -> None:
        """Called between two steps of longer work: nothing else runs here."""

    def encode(self, notes: dict[str, Any]) -> EncodeResult:
        """The latents of a piece's first eight whole bars; raises ``BadRequest`` for what can't be encoded."""
        try:
            piece = whole_bars(Piece.from_json(notes))
            with self._model:
                latents = self.composer.encode(piece)
        except MusicError as error:
            raise BadRequest(str(error)) from error
        return EncodeResult(latents=latents.to_json(), notes=piece.to_json(), model_version=self.composer.version)

    def rewards(self, pieces: Sequence[dict[str, Any]], domain: Domain) -> RewardsResult:
        """The rewards of pieces (``Piece.to_json``), in their order."""
        return self.tension.rewards(pieces, domain)

    def moods(self, pieces: Sequence[dict[str, Any]]) -> MoodsResult:
        """What pieces (``Piece.to_json``) express, in their order; raises ``BadRequest`` for what is no piece."""
        try:
            return self.mood.moods(pieces)
        except MusicError as error:
            raise BadRequest(str(error)) from error

    def drawings(self, request: DrawingsRequest, *, decoded: bool = False) -> DrawingsResult:
        """Pictures, measured; raises ``BadRequest`` for latents of no picture of this model."""
        return self.shown.drawings(request, decoded=decoded)


def _domain(domain: str, count: int, seed: int) -> Domain:
    """The domain that is asked for; raises ``BadRequest`` for what can't be."""
    known = {name: name for name in DOMAINS}
    if domain not in known:
        raise BadRequest(f"domain {domain!r} was asked for; there are {list(DOMAINS)}")
    if not (1 <= count <= MOST and 0 <= seed < 2**63):
        raise BadRequest(f"give a count of 1 to {MOST} and a seed from 0 on")
    return known[domain]


def _parts(count: int) -> list[tuple[int, int]]:
    """Number of each part that is drawn together, and how many are wanted of it."""
    return [(part, min(TOGETHER, count - start)) for part, start in enumerate(range(0, count, TOGETHER))]
