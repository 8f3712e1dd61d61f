"""The HTTP interface of live music, under ``/api/live``: begin, ask for bars and second halves, stop."""

from __future__ import annotations

import base64
import uuid
from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from models.music.notes import Domain
from webapp.api.dependencies import ERRORS, Known, TheContext
from webapp.fit import learned
from webapp.live import steering
from webapp.live.music import IDLE_S, MOST_SEED, LiveBar
from webapp.live.steering import MOST
from webapp.runtime.requests import Strict

router = APIRouter(prefix="/api/live", tags=["live"])

Degree = Annotated[float, Field(ge=-MOST, le=MOST, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Begun(BaseModel):
    """Live music that was begun; it ends when no bar has been asked for during ``idle_s`` seconds."""

    session_id: uuid.UUID
    idle_s: float


class AskedLive(Strict):
    """Which music: its kind, a seed, and whether readouts ask as most people hear, or as the listener's picks say."""

    domain: Domain = "pop"
    seed: Annotated[int, Field(ge=0, le=MOST_SEED)] = 0
    way: Literal["annotated", "learned"] = "annotated"


class Seen(Strict):
    """What is seen now, in usual deviations; or a ``position`` on the map of pictures (x to the right, y upwards).

    With a position only ``motion`` is taken of the readouts: how fast it changes.
    """

    brightness: Degree = 0.0
    warmth: Degree = 0.0
    busyness: Degree = 0.0
    size: Degree = 0.0
    motion: Degree = 0.0
    position: Annotated[list[Share], Field(min_length=2, max_length=2)] | None = None

    def readouts(self) -> dict[str, float]:
        """All five."""
        if self.position is not None:
            return steering.drawings().readouts_at(self.position, self.motion)
        return self.model_dump(exclude={"position"})


class Bar(BaseModel):
    """A bar as it sounds, or its second half.

    ``notes``: onset and length in ticks (24 a quarter), MIDI pitch and velocity of each, those of a first half too.
    ``middle`` is the tick from which on the bar can still be changed, 0 where it can't. A second half has it as
    ``from_tick``: from there on its tempo, readouts and ``audio`` hold. ``audio`` is an MP3 (base64) that begins
    ``audio_after_s`` after the bar or half does (below 0: it fades in before) and goes on beyond it; empty where that
    is silent. ``sides``: what was asked of the music.
    """

    number: int
    tempo_bpm: float
    meter: list[int]
    ticks: int
    middle: int
    from_tick: int
    seconds: float
    tonic: int
    major: bool
    notes: list[list[int]]
    readouts: dict[str, float]
    sides: dict[str, float]
    audio: str = ""
    audio_after_s: float = 0.0

    @classmethod
    def of(cls, bar: LiveBar) -> Bar:
        """With its sound."""
        from webapp.live.sound import sound_of  # noqa: PLC0415 (the piano)

        sound = sound_of(bar)
        return cls(
            number=bar.number, tempo_bpm=round(bar.tempo_bpm, 2), meter=bar.piece.bars[0, 2:].tolist(), ticks=bar.ticks,
            middle=bar.middle, from_tick=bar.from_tick, seconds=round(bar.seconds, 5), tonic=bar.tonic, major=bar.major,
            notes=bar.piece.notes.tolist(),
            readouts=dict(bar.readouts), sides=dict(bar.sides), audio=base64.b64encode(sound.mp3).decode(),
            audio_after_s=sound.after_s,
        )  # fmt: skip


@router.post("", status_code=201, responses=ERRORS)
def begin(asked: AskedLive, context: TheContext, listener_id: Known) -> Begun:
    """Begin to play; what the listener had begun before ends. 429 where as many play as can."""
    from webapp.live.sound import warm_up  # noqa: PLC0415 (the piano)

    links = learned.links_for(context.database, listener_id, asked.way)
    warm_up()
    return Begun(session_id=context.live.begin(listener_id, asked.domain, asked.seed, links), idle_s=IDLE_S)


@router.post("/{session_id}/bars", responses=ERRORS)
def next_bar(session_id: uuid.UUID, seen: Seen, context: TheContext, listener_id: Known) -> Bar:
    """Compose the next bar by what is seen now; ask for it shortly before it is to sound."""
    return Bar.of(context.live.next_bar(listener_id, session_id, seen.readouts()))


@router.post("/{session_id}/bars/second-half", responses=ERRORS)
def second_half(session_id: uuid.UUID, seen: Seen, context: TheContext, listener_id: Known) -> Bar:
    """Compose the last bar, from its middle beat on, by what is seen now; ask for it shortly before that beat."""
    return Bar.of(context.live.second_half(listener_id, session_id, seen.readouts()))


@router.delete("/{session_id}", status_code=204, responses=ERRORS)
def end(session_id: uuid.UUID, context: TheContext, listener_id: Known) -> Response:
    """Stop; what has ended already stays so."""
    context.live.end(listener_id, session_id)
    return Response(status_code=204)
