"""The HTTP interface under ``/api/taste``: why a clip is liked, what would change that, and whether it is personal."""

from __future__ import annotations

import uuid
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from webapp.api.listening import ERRORS, Known, TheContext
from webapp.api.studio import Opened
from webapp.taste import blind_tests, why

router = APIRouter(prefix="/api/taste", tags=["taste"])


class Part(BaseModel):
    """What one style adds to a clip beside the average clip: utility with its posterior sd, and points of the chance.

    ``trait``: standard deviations of ``attribute`` from the middle of the domain; ``words``: how it sounds, and whether
    it adds.
    """

    part: str
    utility: float
    sd: float
    points: float
    confidence: float
    attribute: str
    trait: float
    words: str


class Why(BaseModel):
    """Why a clip: the ``chance`` that this listener picks it rather than the average clip, and where that comes from.

    ``utility`` is exactly the sum of the parts'; ``chance`` is one half and the sum of their ``points`` (Shapley's).
    """

    chance: float
    utility: float
    sd: float
    parts: list[Part]
    votes: int


class Gain(BaseModel):
    """By how much one clip's utility lies above another's, and the chance to be picked of the two."""

    gain: float
    sd: float
    chance: float


class Change(BaseModel):
    """One style from another clip, composed: what was ``expected`` of it, and what the head hears in its notes.

    ``became``: what is heard to have changed, in words.
    """

    part: str
    words: str
    became: list[str]
    expected: Gain
    heard: Gain
    original: Opened
    piece: Opened


class Checked(BaseModel):
    """A piece whose claim is to be checked."""

    model_config = ConfigDict(extra="forbid")
    piece_id: uuid.UUID


class Checks(BaseModel):
    """What became of the claims offered as pairs; ``value`` counts a tie half, its interval holds at any time."""

    right: int
    equal: int
    wrong: int
    waiting: int
    value: float | None
    low: float
    high: float


class WinRate(BaseModel):
    """Picks of pieces composed for this listener over a rival's; ``value`` counts a tie half.

    The interval holds at any time.
    """

    won: int
    equal: int
    lost: int
    value: float | None
    low: float
    high: float


class Proof(BaseModel):
    """Win rates over pieces for the ``average`` listener and over pieces as they were ``drawn`` from the prior.

    The average listener can be told of where ``others``, who have voted here, are ``others_needed`` at least.
    """

    average: WinRate
    drawn: WinRate
    others: int
    others_needed: int


@router.get("/proof", responses=ERRORS)
def read_proof(context: TheContext, listener_id: Known) -> Proof:
    """Whether what is composed for the listener is personal, by blind pairs among the usual ones."""
    return Proof.model_validate(blind_tests.of_listener(context.database, context.space, listener_id))


@router.get("/clips/{clip_id}/why", responses=ERRORS)
def read_why(clip_id: uuid.UUID, context: TheContext, listener_id: Known) -> Why:
    """Why the listener likes a clip that they have voted on, style by style."""
    return Why.model_validate(why.of_clip(context.database, context.space, context.playable, listener_id, clip_id))


@router.post("/clips/{clip_id}/change", status_code=201, responses=ERRORS)
def compose_change(clip_id: uuid.UUID, context: TheContext, listener_id: Known) -> Change:
    """Compose the one style swap that would raise the clip most for this listener, to play beside it."""
    return Change.model_validate(
        why.change(
            context.database,
            context.journal,
            context.generation,
            context.space,
            context.playable,
            context.style_folder,
            listener_id,
            clip_id,
        )
    )


@router.get("/checks", responses=ERRORS)
def read_checks(context: TheContext, listener_id: Known) -> Checks:
    """How many of the offered claims were right."""
    return Checks.model_validate(why.checks(context.database, listener_id))


@router.post("/checks", status_code=202, responses=ERRORS)
def offer_check(given: Checked, context: TheContext, listener_id: Known) -> Checks:
    """Offer a changed piece against its original among the next pairs."""
    checked: dict[str, Any] = why.check(context.clip_maker, listener_id, given.piece_id)
    return Checks.model_validate(checked)
