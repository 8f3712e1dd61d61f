"""The HTTP interface under ``/api``: offers, votes, clips, the listener, the taste, composing.

Handlers run in the thread pool and only translate: every rule is a service's. A page keeps the ``listener_token`` that
``GET /api/listener`` gives once and sends it as ``Authorization: Bearer``; the cookie carries it where one is possible.
A link token (``?token=`` in a page's address) is sent the same way and answered with a lasting token.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from models.music.notes import DOMAINS, Domain
from models.taste.likelihood import Outcome
from models.taste.plackett_luce import Pick
from webapp.composing import wishes
from webapp.context import Context
from webapp.listeners import accounts, archive, rewind
from webapp.listening import Shown, similar, sound
from webapp.runtime.errors import NoListener, NotYours
from webapp.runtime.identity import Claim, clear_cookie, set_cookie
from webapp.taste import overview

router = APIRouter(prefix="/api", tags=["listening"])
Milliseconds = Annotated[float, Field(ge=0, le=3_600_000, allow_inf_nan=False)]


class Clip(BaseModel):
    """One side of an offer; nothing here tells where the clip comes from."""

    model_config = ConfigDict(from_attributes=True)

    clip_id: uuid.UUID
    audio_url: str
    notes_url: str
    seconds: float


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


class Heard(BaseModel):
    """How long each side sounded, in milliseconds."""

    model_config = ConfigDict(extra="forbid")
    left: Milliseconds
    right: Milliseconds


class Vote(BaseModel):
    """A listener's answer to an offer."""

    model_config = ConfigDict(extra="forbid")
    outcome: Outcome
    heard_ms: Heard


class Voted(BaseModel):
    """What a vote led to; repeating the same vote gives the same."""

    offer_id: uuid.UUID
    outcome: Outcome
    picks: int
    open: list[Offer]


class FirstComposed(BaseModel):
    """When the first clip made for this listener is composed, and whether it is."""

    at_picks: int
    ready: bool


class Listener(BaseModel):
    """The listener who asks; ``listener_token`` only where the page should keep a new one."""

    picks: int
    domain: Domain
    domains: list[Domain] = list(DOMAINS)
    first_composed: FirstComposed
    listener_token: str | None = None


class Change(BaseModel):
    """What a listener may change."""

    model_config = ConfigDict(extra="forbid")
    domain: Domain


class PastVote(BaseModel):
    """A vote on a pair or a four by its place in the listener's history; the first one has the number 1."""

    number: int
    outcome: Outcome | Pick
    at: datetime


class History(BaseModel):
    """Some votes, newest first, of ``total``."""

    total: int
    votes: list[PastVote]


class Rewind(BaseModel):
    """To which vote to go back: so many first votes are kept."""

    model_config = ConfigDict(extra="forbid")
    votes: Annotated[int, Field(ge=0, le=2**31 - 1, strict=True)]


class Rewound(BaseModel):
    """How many votes there are now, how many of them are picks, and how many were undone."""

    votes: int
    picks: int
    undone: int


class Own(BaseModel):
    """A clip composed for the listener, and whether they have voted on it; which one it is stays a secret."""

    composed_at: datetime
    mode: Literal["careful", "surprise", "near", "studio"]
    met: bool


class Composing(BaseModel):
    """A job that composes for the listener, how far it is while it runs, and all clips composed for them so far."""

    job_id: int | None
    state: Literal["none", "waiting", "running", "done", "failed"]
    wish: wishes.Wish | None
    progress: wishes.Progress | None
    clips: list[Own]


class Link(BaseModel):
    """An address that moves the listener to another device."""

    url: str
    expires_at: datetime


class Problems(BaseModel):
    """What went wrong: what was given, what is allowed, what to do.

    ``code``: ``unknown_listener`` where the one who asks was deleted, or names nobody.
    """

    error: str
    code: str | None = None


ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problems} for status in (401, 404, 409, 413, 422, 429, 503)
}


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


def _claim(request: Request) -> Claim | None:
    return _context(request).identity.claim(request)


TheContext = Annotated[Context, Depends(_context)]
MaybeClaim = Annotated[Claim | None, Depends(_claim)]


def _known(claim: MaybeClaim) -> uuid.UUID:
    """The listener of the request, who must exist."""
    if claim is None:
        raise NoListener("no listener's token came with this request; GET /api/listener gives one")
    return claim.listener_id


Known = Annotated[uuid.UUID, Depends(_known)]


def arrive(request: Request, response: Response, context: Context, claim: Claim | None) -> tuple[uuid.UUID, str | None]:
    """The listener of the request, made where there is none; the token that the page should keep, if a new one."""
    listener_id = claim.listener_id if claim else None
    if claim is not None and accounts.exists(context.database, claim.listener_id):
        if not claim.by_link:
            return claim.listener_id, None
        listener_id = claim.listener_id
    else:
        listener_id = accounts.create(context.database, context.journal)
    token = context.identity.token(listener_id)
    set_cookie(request, response, token)
    return listener_id, token


@router.get("/listener", responses=ERRORS)
def read_listener(request: Request, response: Response, context: TheContext, claim: MaybeClaim) -> Listener:
    """Who is listening; a new anonymous listener where the request names none."""
    listener_id, token = arrive(request, response, context, claim)
    return Listener(**accounts.overview(context.database, listener_id), listener_token=token)


@router.patch("/listener", responses=ERRORS)
def change_listener(change: Change, context: TheContext, listener_id: Known) -> Listener:
    """Change the domain of music; it counts from the next new offer on."""
    accounts.change_domain(context.database, context.journal, listener_id, change.domain)
    return Listener(**accounts.overview(context.database, listener_id))


@router.delete("/listener", responses=ERRORS)
def delete_listener(request: Request, response: Response, context: TheContext, listener_id: Known) -> dict[str, bool]:
    """Forget the listener: votes, head, journal, and the clips composed only for them with their sound."""
    accounts.delete(context.database, context.journal, context.clip_store, context.space, context.settings, listener_id)
    clear_cookie(request, response)
    return {"deleted": True}


@router.get("/listener/export", responses=ERRORS)
def export_listener(
    context: TheContext, listener_id: Known, form: Annotated[Literal["json", "zip"], Query()] = "json"
) -> Response:
    """Everything that is stored about the listener, as JSON; ``form=zip`` adds the votes as CSV and pieces as MIDI."""
    data = accounts.export(context.database, listener_id)
    headers = {"Content-Disposition": f'attachment; filename="kallos-listener.{form}"', "Cache-Control": "no-store"}
    if form == "zip":
        return Response(archive.pack(data), media_type="application/zip", headers=headers)
    return JSONResponse(data, headers=headers)


@router.post("/listener/import", status_code=201, responses=ERRORS)
def import_listener(
    request: Request,
    response: Response,
    context: TheContext,
    claim: MaybeClaim,
    *,
    data: Annotated[bytes, Body(media_type="application/octet-stream")] = b"",
    replace: Annotated[bool, Query()] = False,
) -> Listener:
    """Bring back the listener of an export, zip or JSON, at most 32 MiB, in place of the one who asks.

    409 where the one who asks has votes, which are deleted with ``replace=true``; 422 with what is wrong with the file.
    """
    listener_id = accounts.bring(
        context.database,
        context.journal,
        context.clip_store,
        context.space,
        context.settings,
        claim.listener_id if claim else None,
        data,
        replace=replace,
    )
    token = context.identity.token(listener_id)
    set_cookie(request, response, token)
    return Listener(**accounts.overview(context.database, listener_id), listener_token=token)


@router.get("/listener/votes", responses=ERRORS)
def read_votes(
    context: TheContext,
    listener_id: Known,
    before: Annotated[int, Query(ge=1, le=2**31 - 1)] = 2**31 - 1,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> History:
    """The listener's votes below number ``before``, newest first."""
    return History.model_validate(rewind.history(context.database, listener_id, before=before, limit=limit))


@router.post("/listener/rewind", responses=ERRORS)
def rewind_listener(given: Rewind, context: TheContext, listener_id: Known) -> Rewound:
    """Keep the first ``votes`` votes and undo the others for good, with what was learned and composed from them."""
    return Rewound(
        **rewind.rewind(context.database, context.journal, context.clip_store, context.space, listener_id, given.votes)
    )


@router.post("/listener/link", responses=ERRORS)
def link_listener(request: Request, context: TheContext, listener_id: Known) -> Link:
    """An address for another device; it works for an hour."""
    token, expires_at = context.identity.link_token(listener_id)
    return Link(url=f"{public_address(request)}/?token={token}", expires_at=expires_at)


@router.get("/offers", responses=ERRORS)
def open_offers(request: Request, response: Response, context: TheContext, claim: MaybeClaim) -> list[Offer]:
    """The listener's two open offers, oldest first, made where missing; a reload gets the same."""
    listener_id, _ = arrive(request, response, context, claim)
    response.headers["Cache-Control"] = "no-store"
    return [Offer.of(each) for each in context.pairs.open(listener_id)]


@router.post("/offers/{offer_id}/vote", responses=ERRORS)
def vote(offer_id: uuid.UUID, given: Vote, context: TheContext, claim: MaybeClaim) -> Voted:
    """Store the vote once, however often it is sent; another outcome for the same offer is refused with 409."""
    if claim is None:
        raise NotYours(f"without a listener's token no offer is yours, {offer_id} neither; GET /api/listener gives one")
    heard = (round(given.heard_ms.left), round(given.heard_ms.right))
    recorded = context.pairs.record_vote(claim.listener_id, offer_id, given.outcome, heard)
    return Voted(
        offer_id=recorded.id,
        outcome=given.outcome,
        picks=recorded.picks,
        open=[Offer.of(each) for each in recorded.open],
    )


@router.get("/clips/{clip_id}/audio/{seconds}", responses=ERRORS, response_class=Response)
def clip_audio(
    clip_id: uuid.UUID, seconds: float, context: TheContext, wanted: Annotated[str, Header(alias="range")] = ""
) -> Response:
    """The clip's sound, MP3; it never changes."""
    data = sound.audio(context.database, context.clip_store, clip_id, seconds)
    return partial(data, wanted)


@router.get("/clips/{clip_id}/notes/{seconds}", responses=ERRORS)
def clip_notes(clip_id: uuid.UUID, seconds: float, context: TheContext, response: Response) -> dict[str, Any]:
    """``{seconds, notes: [[start_s, duration_s, pitch, velocity], …]}`` in the time of the sound."""
    response.headers["Cache-Control"] = IMMUTABLE
    return sound.notes(context.database, clip_id, seconds)


@router.get("/clips/{clip_id}/similar", responses=ERRORS)
def similar_clips(clip_id: uuid.UUID, context: TheContext, listener_id: Known, response: Response) -> dict[str, Any]:
    """``{similar, path}``: clips most like this one, in order, and steps that lead on."""
    response.headers["Cache-Control"] = "no-store"
    return similar.similar(context.database, context.space, context.playable, listener_id, clip_id)


@router.get("/taste", responses=ERRORS)
def read_taste(context: TheContext, listener_id: Known) -> dict[str, Any]:
    """What the listener seems to love, style by style, how sure that is, and how well votes were foreseen."""
    return overview.overview(context.database, context.space, context.playable, listener_id)


@router.post("/compose", status_code=202, responses=ERRORS)
def start_composing(context: TheContext, listener_id: Known, wish: wishes.Wish | None = None) -> Composing:
    """Compose new clips for this listener's head, as the wish says; they come blind among the pairs.

    The same wish again while it is under way joins it; another one is refused with 409.
    """
    asked = wishes.ask(context.database, context.space, listener_id, wish or wishes.Wish())
    return Composing.model_validate(asked, from_attributes=True)


@router.get("/compose", responses=ERRORS)
def read_composing(context: TheContext, listener_id: Known) -> Composing:
    """The compose job under way, or else the newest, and the clips composed so far."""
    return Composing.model_validate(wishes.state(context.database, listener_id), from_attributes=True)


IMMUTABLE = "private, max-age=31536000, immutable"


def partial(data: bytes, wanted: str) -> Response:
    """The whole sound, or the one range of bytes that a media element asks for."""
    headers = {"Cache-Control": IMMUTABLE, "Accept-Ranges": "bytes"}
    unit, _, span = wanted.partition("=")
    first, dash, last = span.partition("-")
    if unit.strip() != "bytes" or not dash or "," in span or not (first or last).isdigit():
        return Response(data, media_type="audio/mpeg", headers=headers)
    start = int(first) if first else max(0, len(data) - int(last))
    end = min(int(last), len(data) - 1) if first and last.isdigit() else len(data) - 1
    if start > end:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
    return Response(data[start : end + 1], status_code=206, media_type="audio/mpeg", headers=headers)


def public_address(request: Request) -> str:
    """Scheme and host as the listener's browser sees them, also behind a proxy that ends https."""
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme).split(",")[0].strip()
    host = request.headers.get("x-forwarded-host", request.headers.get("host", request.url.netloc)).split(",")[0]
    prefix = request.headers.get("x-forwarded-prefix", "").rstrip("/")
    return f"{scheme}://{host.strip()}{prefix}"
