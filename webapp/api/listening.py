"""The HTTP interface of listening, under ``/api``: offers, votes, clips, composing; best of four, what fits better.

Handlers run in the thread pool and only translate: every rule is a slice's.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from models.picture.fit.head import Kind
from models.taste.head import Pick as FourOutcome
from models.taste.likelihood import Outcome
from webapp.api.dependencies import (
    ERRORS,
    IMMUTABLE,
    Known,
    MaybeClaim,
    TheContext,
    Waiting,
    arrive,
    asking,
    claim_of,
    image_response,
    sound_response,
)
from webapp.composing import whole_pieces, wishes
from webapp.composing.media import ALONE
from webapp.context import Context
from webapp.fit.drawings import shipped, short_film
from webapp.fit.questions import FitOutcome, ShownFit
from webapp.listening import Shown, Voting, sound, voting
from webapp.listening.comparison import VoteRequest, require_heard, require_pace
from webapp.runtime.errors import NotYours
from webapp.runtime.identity import Claim
from webapp.runtime.requests import Strict

router = APIRouter(prefix="/api", tags=["listening"])
Milliseconds = Annotated[float, Field(ge=0, le=3_600_000, allow_inf_nan=False)]


class Clip(BaseModel):
    """One side of an offer; nothing here tells where the clip comes from.

    A picture has an ``image_url`` and neither sound nor notes; its ``seconds`` are how long it is to be seen before a
    vote, and ``heard_ms`` tells how long it was.
    """

    model_config = ConfigDict(from_attributes=True)

    clip_id: uuid.UUID
    audio_url: str | None
    notes_url: str | None
    seconds: float
    image_url: str | None = None


class Offer(BaseModel):
    """Two clips to compare."""

    offer_id: uuid.UUID
    left: Clip
    right: Clip

    @classmethod
    def of(cls, shown: Shown) -> Offer:
        """A pair as this interface names it."""
        left, right = map(Clip.model_validate, shown.clips)
        return cls(offer_id=shown.id, left=left, right=right)


class Heard(Strict):
    """How long each side sounded, in milliseconds."""

    left: Milliseconds
    right: Milliseconds


class Vote(Strict):
    """A listener's answer to an offer."""

    outcome: Outcome
    heard_ms: Heard


class Play(Strict):
    """What became of a whole piece after it had sounded for ``heard_ms``."""

    outcome: voting.PlayOutcome
    heard_ms: Milliseconds


class _Counted(BaseModel):
    """What a vote led to; repeating the same vote gives the same.

    ``kept``: whether it outlives this server's disk already (``GET /api/listener/kept`` says when it does); null where
    nothing is kept elsewhere.
    """

    picks: int
    picks_of_pictures: int
    kept: bool | None = None


class Voted(_Counted):
    """What a vote on an offer led to, and the open offers."""

    offer_id: uuid.UUID
    outcome: Outcome
    open: list[Offer]


def _record(
    context: Context, kind: Voting[Any], claim: Claim, vote: VoteRequest
) -> tuple[tuple[Shown, ...], dict[str, Any]]:
    """What is open after a vote, and the rest of its answer."""
    require_pace(claim.listener_id)
    require_heard(vote.outcome, vote.heard_ms)
    recorded = kind.record_vote(claim.listener_id, vote.which, vote.outcome, vote.heard_ms, claim)
    counts = {"outcome": vote.outcome, "picks": recorded.picks, "picks_of_pictures": recorded.picks_of_pictures}
    return recorded.open, counts | {"kept": context.journal.kept(claim.listener_id)}


@router.get("/offers", responses=ERRORS)
def open_offers(request: Request, response: Response, context: TheContext, claim: MaybeClaim) -> list[Offer]:
    """The listener's two open offers, oldest first, made where missing; a reload gets the same."""
    who, _ = arrive(request, response, context, claim)
    response.headers["Cache-Control"] = "no-store"
    return [Offer.of(each) for each in context.pairs.open(who.listener_id, who)]


@router.post("/offers/{offer_id}/vote", responses=ERRORS, response_model=Voted)
def vote(offer_id: uuid.UUID, given: Vote, request: Request, context: TheContext) -> Response:
    """Store the vote once, however often it is sent; another outcome for the same offer is refused with 409."""
    claim = claim_of(request, context)
    if claim is None:
        raise NotYours(f"without a listener's token no offer is yours, {offer_id} neither; GET /api/listener gives one")
    heard = (round(given.heard_ms.left), round(given.heard_ms.right))
    waiting, counts = _record(context, context.pairs, claim, VoteRequest(offer_id, given.outcome, heard))
    voted = Voted(offer_id=offer_id, open=[Offer.of(each) for each in waiting], **counts)
    return Response(voted.model_dump_json(), media_type="application/json")


async def _audible(
    clip_id: uuid.UUID, context: TheContext, request: Request, key: Annotated[str, Query(max_length=64)] = ""
) -> Callable[[], uuid.UUID]:
    """Gives the clip, where whoever asks may hear it; raises ``NotYours`` for another listener's without its key."""

    def required() -> uuid.UUID:
        if not (key and context.identity.opens(clip_id, key)):
            sound.require_theirs(context.database, clip_id, asking(request, context))
        return clip_id

    return required


Audible = Annotated[Callable[[], uuid.UUID], Depends(_audible)]


@router.get("/clips/{clip_id}/audio/{seconds}", responses=ERRORS, response_class=Response)
def clip_audio(
    clip: Audible,
    seconds: float,
    context: TheContext,
    waits: Waiting,
    wanted: Annotated[str, Header(alias="range")] = "",
) -> Response:
    """The clip's sound, MP3; it never changes. One composed for a listener is for them, or for who has its ``key``."""
    return sound_response(sound.audio(context.database, context.clip_store, clip(), seconds, waits), wanted)


@router.get("/clips/{clip_id}/image", responses=ERRORS, response_class=Response)
def clip_image(clip: Audible, context: TheContext) -> Response:
    """The clip's picture, an SVG (PNG of 96 × 96 pixels where it is older than drawings are); it never changes.

    For whom it is goes as for sound.
    """
    return image_response(sound.image(context.database, context.clip_store, context.generation, clip()))


@router.get("/clips/{clip_id}/notes/{seconds}", responses=ERRORS, response_model=dict[str, Any])
def clip_notes(clip: Audible, seconds: float, context: TheContext) -> Response:
    """``{seconds, notes: [[start_s, duration_s, pitch, velocity], …]}`` in the time of the sound; for whom that is."""
    return JSONResponse(sound.notes(context.database, clip(), seconds), headers={"Cache-Control": IMMUTABLE})


@router.get("/clips/{clip_id}/similar", responses=ERRORS)
def similar_clips(clip_id: uuid.UUID, context: TheContext, listener_id: Known, response: Response) -> dict[str, Any]:
    """``{similar, path}``: clips most like this one, in order, and steps that lead on."""
    response.headers["Cache-Control"] = "no-store"
    return sound.similar(context.database, context.playable, listener_id, clip_id)


@router.post("/clips/{clip_id}/plays", status_code=204, responses=ERRORS)
def play(clip_id: uuid.UUID, given: Play, context: TheContext, listener_id: Known) -> None:
    """What became of one of the listener's whole pieces; it is stored apart from votes."""
    require_pace(listener_id)
    heard_ms = round(given.heard_ms)
    voting.record_play(
        context.database, context.journal, listener_id, clip_id, outcome=given.outcome, heard_ms=heard_ms
    )


@router.post("/compose", status_code=202, responses=ERRORS)
def start_composing(context: TheContext, listener_id: Known, wish: wishes.Wish | None = None) -> wishes.ComposingState:
    """Compose new clips for this listener's head, as the wish says; they come blind among the pairs.

    The same wish again while it is under way joins it; another one is refused with 409.
    """
    return wishes.ask(context.database, context.space, listener_id, wish or wishes.Wish())


@router.get("/compose", responses=ERRORS)
def read_composing(context: TheContext, listener_id: Known) -> wishes.ComposingState:
    """The compose job under way, or else the newest, and the clips composed so far."""
    return wishes.state(context.database, listener_id)


@router.delete("/compose", responses=ERRORS)
def cancel_composing(context: TheContext, listener_id: Known) -> wishes.ComposingState:
    """Take back what was asked for and isn't done: clips by a wish, and the next whole piece. What is there stays."""
    whole_pieces.cancel(context.database, listener_id)
    return wishes.cancel(context.database, listener_id)


fours_router = APIRouter(prefix="/api/fours", tags=["listening"])


class Four(BaseModel):
    """Four clips to pick from, in the order of their places."""

    four_id: uuid.UUID
    clips: Annotated[list[Clip], Field(min_length=4, max_length=4)]

    @classmethod
    def of(cls, shown: Shown) -> Four:
        """Four clips as this interface names them."""
        return cls(four_id=shown.id, clips=[Clip.model_validate(clip) for clip in shown.clips])


class Pick(Strict):
    """A listener's answer; ``heard_ms``: how long each clip sounded."""

    outcome: FourOutcome
    heard_ms: Annotated[list[Milliseconds], Field(min_length=4, max_length=4)]


class Picked(_Counted):
    """What a pick led to, and the open fours."""

    four_id: uuid.UUID
    outcome: FourOutcome
    open: list[Four]


@fours_router.get("", responses=ERRORS)
def open_fours(request: Request, response: Response, context: TheContext, claim: MaybeClaim) -> list[Four]:
    """The listener's two open fours, oldest first, made where missing; a reload gets the same."""
    who, _ = arrive(request, response, context, claim)
    response.headers["Cache-Control"] = "no-store"
    return [Four.of(each) for each in context.best_of_four.open(who.listener_id, who)]


@fours_router.post("/{four_id}/pick", responses=ERRORS)
def pick(four_id: uuid.UUID, given: Pick, context: TheContext, claim: MaybeClaim) -> Picked:
    """Store the pick once, however often it is sent; another outcome for the same four is refused with 409."""
    if claim is None:
        raise NotYours(f"without a listener's token no four is yours, {four_id} neither; GET /api/listener gives one")
    picked = VoteRequest(four_id, given.outcome, [round(each) for each in given.heard_ms])
    waiting, counts = _record(context, context.best_of_four, claim, picked)
    return Picked(four_id=four_id, open=[Four.of(each) for each in waiting], **counts)


fits_router = APIRouter(prefix="/api/fits", tags=["listening"])
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


class FitAnswer(Strict):
    """A listener's answer; ``heard_ms``: how long each clip of the question sounded."""

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


@fits_router.get("", responses=ERRORS)
def open_fits(request: Request, response: Response, context: TheContext, claim: MaybeClaim) -> OpenFits:
    """The listener's two open questions, oldest first, made where missing; a reload gets the same."""
    who, _ = arrive(request, response, context, claim)
    response.headers["Cache-Control"] = "no-store"
    picks, found = context.questions.open(who.listener_id, who)
    return OpenFits(picks=picks, open=[Fit.of(each) for each in found])


@fits_router.post("/{fit_id}/answer", responses=ERRORS)
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


@fits_router.get("/pictures/{name}.svg", responses=ERRORS, response_class=Response)
def picture(name: str) -> Response:
    """A picture that may be shown."""
    return Response(shipped().svg(name), media_type="image/svg+xml", headers={"Cache-Control": DAY, **ALONE})


@fits_router.get("/films/{name}", responses=ERRORS, response_class=Response)
def film(name: str) -> Response:
    """A short film: ``elements`` of SVG for each scene, and the paper and places of its ``pictures``."""
    return Response(short_film(name), media_type="application/json", headers={"Cache-Control": DAY, **ALONE})
