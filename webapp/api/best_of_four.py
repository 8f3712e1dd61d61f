"""The HTTP interface of the most beautiful of four, under ``/api/fours``."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from models.taste.head import Pick as Outcome
from webapp.api.dependencies import ERRORS, MaybeClaim, TheContext, arrive
from webapp.api.listening import Clip, Milliseconds
from webapp.listening import Shown
from webapp.listening.heard import require_heard, require_pace
from webapp.runtime.errors import NotYours

router = APIRouter(prefix="/api/fours", tags=["listening"])


class Four(BaseModel):
    """Four clips to pick from, in the order of their places."""

    four_id: uuid.UUID
    clips: Annotated[list[Clip], Field(min_length=4, max_length=4)]

    @classmethod
    def of(cls, shown: Shown) -> Four:
        """Four clips as this interface names them."""
        return cls(four_id=shown.id, clips=[Clip.model_validate(clip) for clip in shown.clips])


class Pick(BaseModel):
    """A listener's answer; ``heard_ms``: how long each clip sounded."""

    model_config = ConfigDict(extra="forbid")
    outcome: Outcome
    heard_ms: Annotated[list[Milliseconds], Field(min_length=4, max_length=4)]


class Picked(BaseModel):
    """What a pick led to; repeating the same pick gives the same. ``kept``: as of a vote."""

    four_id: uuid.UUID
    outcome: Outcome
    picks: int
    picks_of_pictures: int
    open: list[Four]
    kept: bool | None = None


@router.get("", responses=ERRORS)
def open_fours(request: Request, response: Response, context: TheContext, claim: MaybeClaim) -> list[Four]:
    """The listener's two open fours, oldest first, made where missing; a reload gets the same."""
    who, _ = arrive(request, response, context, claim)
    response.headers["Cache-Control"] = "no-store"
    return [Four.of(each) for each in context.best_of_four.open(who.listener_id, who)]


@router.post("/{four_id}/pick", responses=ERRORS)
def pick(four_id: uuid.UUID, given: Pick, context: TheContext, claim: MaybeClaim) -> Picked:
    """Store the pick once, however often it is sent; another outcome for the same four is refused with 409."""
    if claim is None:
        raise NotYours(f"without a listener's token no four is yours, {four_id} neither; GET /api/listener gives one")
    heard = [round(each) for each in given.heard_ms]
    require_pace(claim.listener_id)
    require_heard(given.outcome, heard)
    recorded = context.best_of_four.record_vote(claim.listener_id, four_id, given.outcome, heard, claim)
    return Picked(
        four_id=recorded.id,
        outcome=given.outcome,
        picks=recorded.picks,
        picks_of_pictures=recorded.picks_of_pictures,
        open=[Four.of(each) for each in recorded.open],
        kept=context.journal.kept(claim.listener_id),
    )
