"""The HTTP interface of what fits better, under ``/api/fits``: questions, answers and the pictures."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from models.picture.fit.asking import Kind
from webapp.api.dependencies import ERRORS, MaybeClaim, TheContext, arrive
from webapp.api.listening import Clip, Milliseconds
from webapp.composing.images import ALONE
from webapp.fit.drawings import shipped, short_film
from webapp.fit.questions import FitOutcome, ShownFit
from webapp.listening.heard import require_pace
from webapp.runtime.errors import NotYours

router = APIRouter(prefix="/api/fits", tags=["listening"])
DAY = "public, max-age=86400"


class Picture(BaseModel):
    """A picture by its name."""

    name: str
    url: str


class Fit(BaseModel):
    """A question: of the kind "pictures" one clip and two pictures, of "pieces" two clips and one picture."""

    fit_id: uuid.UUID
    kind: Kind
    clips: list[Clip]
    pictures: list[Picture]

    @classmethod
    def of(cls, shown: ShownFit) -> Fit:
        """A question as this interface names it."""
        clips = [Clip.model_validate(clip) for clip in shown.clips]
        pictures = [Picture(name=name, url=f"/api/fits/pictures/{name}.svg") for name in shown.pictures]
        return cls(fit_id=shown.fit_id, kind=shown.kind, clips=clips, pictures=pictures)


class OpenFits(BaseModel):
    """How many picks there are, and the open questions, oldest first."""

    picks: int
    open: list[Fit]


class FitAnswer(BaseModel):
    """A listener's answer; ``heard_ms``: how long each clip of the question sounded."""

    model_config = ConfigDict(extra="forbid")
    outcome: FitOutcome
    heard_ms: Annotated[list[Milliseconds], Field(min_length=1, max_length=2)]


class FitAnswered(BaseModel):
    """What an answer led to; repeating the same answer gives the same. ``kept``: as of a vote.

    ``foreseen``: whether the side that was picked had been thought likelier; null where nothing was picked.
    """

    fit_id: uuid.UUID
    outcome: FitOutcome
    picks: int
    foreseen: bool | None
    open: list[Fit]
    kept: bool | None = None


@router.get("", responses=ERRORS)
def open_fits(request: Request, response: Response, context: TheContext, claim: MaybeClaim) -> OpenFits:
    """The listener's two open questions, oldest first, made where missing; a reload gets the same."""
    who, _ = arrive(request, response, context, claim)
    response.headers["Cache-Control"] = "no-store"
    picks, found = context.questions.open(who.listener_id, who)
    return OpenFits(picks=picks, open=[Fit.of(each) for each in found])


@router.post("/{fit_id}/answer", responses=ERRORS)
def answer(fit_id: uuid.UUID, given: FitAnswer, context: TheContext, claim: MaybeClaim) -> FitAnswered:
    """Store the answer once, however often it is sent; another outcome for the same question is refused with 409."""
    if claim is None:
        raise NotYours(f"without a listener's token you were not asked {fit_id}; GET /api/listener gives one")
    require_pace(claim.listener_id)
    heard = [round(each) for each in given.heard_ms]
    found = context.questions.answer(claim.listener_id, fit_id, given.outcome, heard, claim)
    return FitAnswered(
        fit_id=fit_id,
        outcome=given.outcome,
        picks=found.picks,
        foreseen=found.foreseen,
        open=[Fit.of(each) for each in found.open],
        kept=context.journal.kept(claim.listener_id),
    )


@router.get("/pictures/{name}.svg", responses=ERRORS, response_class=Response)
def picture(name: str) -> Response:
    """A picture that may be shown."""
    return Response(shipped().svg(name), media_type="image/svg+xml", headers={"Cache-Control": DAY, **ALONE})


@router.get("/films/{name}", responses=ERRORS, response_class=Response)
def film(name: str) -> Response:
    """A short film: ``elements`` of SVG for each scene, and the paper and places of its ``pictures``."""
    return Response(short_film(name), media_type="application/json", headers={"Cache-Control": DAY, **ALONE})
