"""One request on its way through the engine: what was asked, read and checked; who waits for it; until when."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.music.notes import MusicError, Piece
from models.style.asking import MANY_STYLES
from models.style.clip_plan import ClipPlan
from models.style.latents import CODES, SWAPPABLE, TEMPERATURE, TOP_P, Latents
from models.style.locks import Locks
from webapp.generation.protocol import BadRequest, GenerateRequest, GenerateResult, Source

Note = tuple[int, int, int, int]  # onset and duration in ticks, pitch, velocity
Listener = Callable[[list[Note]], None]
Origin = Piece | Latents

MOST_BARS = 8


@dataclass
class Hearing:
    """Someone who wants the notes as they come, and how many they have got."""

    listener: Listener
    heard: int = 0


@dataclass(eq=False)
class Job:
    """A request that was taken in. ``future`` is answered once; several callers with one id wait for the same job."""

    request: GenerateRequest
    content: Origin | None
    styles: Mapping[str, Origin]
    locked_notes: Piece | None = None
    future: Future[GenerateResult] = field(default_factory=Future)
    waiters: int = 1
    hearings: list[Hearing] = field(default_factory=list)
    plan: ClipPlan | None = None
    came: float = field(default_factory=time.monotonic)
    planning_seconds: float = 0.0
    admitted: float = 0.0

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

    @property
    def tune(self) -> Piece | None:
        """What is to be played in other styles, ``MANY_STYLES`` at least: nothing else of it is held or drawn anew."""
        request = self.request
        held = self.locks != Locks() or request.keep < 1 or request.guidance != 1 or CODES in self.styles
        return None if held or len(self.styles) < MANY_STYLES else self._notes

    @property
    def around_held(self) -> Piece | None:
        """The notes of which some bars stay while the others are composed anew, with nothing else asked of these."""
        request = self.request
        sampling = request.temperature, request.top_p, request.guidance
        plain = not self.styles and self.locks == Locks(self.locks.bars) and sampling == (TEMPERATURE, TOP_P, 1)
        return self._notes if plain and self.locks.bars else None

    @property
    def _notes(self) -> Piece | None:
        return self.locked_notes or (self.content if isinstance(self.content, Piece) else None)

    def asks_the_same_as(self, other: GenerateRequest) -> bool:
        """Whether ``other`` asks for the same clip (deadline and streaming aside)."""
        aside = {"deadline_ms", "stream"}
        return self.request.model_dump(exclude=aside) == other.model_dump(exclude=aside)

    def tell(self, notes: list[Note]) -> None:
        """Hand each listener the notes it hasn't got yet."""
        for hearing in self.hearings:
            if len(notes) > hearing.heard:
                hearing.listener(notes[hearing.heard :])
                hearing.heard = len(notes)


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
        if value.ndim != 2 or not 1 <= len(value) <= MOST_BARS or not np.isfinite(value).all():
            raise BadRequest(f"{name}: latents of {group} must be finite numbers of 1 to {MOST_BARS} bars")
    return latents


def _piece(notes: dict[str, Any], name: str) -> Piece:
    try:
        return Piece.from_json(notes)
    except MusicError as error:
        raise BadRequest(f"{name}: {error}") from error
