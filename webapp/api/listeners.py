"""The HTTP interface of a listener as a record, ``/api/listener``: who asks, their data, their history, their end."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from webapp.api.dependencies import ERRORS, Known, MaybeClaim, TheContext, arrive, newcomer, public_address
from webapp.context import Context
from webapp.learning.playable_clips import ALL_DOMAINS, AnyDomain
from webapp.listeners import accounts, archive, restore, rewind
from webapp.runtime.identity import COOKIE, MOST_LETTERS, Claim, clear_cookie, given_token, set_cookie
from webapp.runtime.requests import Strict

router = APIRouter(prefix="/api/listener", tags=["listener"])


class Listener(BaseModel):
    """The listener who asks; ``listener_token`` only where the page should keep a new one.

    ``picks_of_pictures``: how many of the picks compare pictures.
    """

    picks: int
    picks_of_pictures: int
    domain: AnyDomain
    domains: list[AnyDomain] = list(ALL_DOMAINS)
    first_composed: accounts.FirstComposed
    listener_token: str | None = None


class Change(Strict):
    """What a listener may change."""

    domain: AnyDomain


class Kept(BaseModel):
    """Whether votes are where a lost disk does not reach."""

    kept: bool | None


class Rewind(Strict):
    """To which vote to go back: so many first votes are kept."""

    votes: Annotated[int, Field(ge=0, le=2**31 - 1, strict=True)]


class Link(BaseModel):
    """An address that moves the listener to another device, once."""

    url: str
    expires_at: datetime


class LinkToken(Strict):
    """What stands behind ``#link=`` in that address."""

    token: Annotated[str, Field(max_length=MOST_LETTERS)]


class Invited(BaseModel):
    """To whom a link leads."""

    picks: int
    domain: AnyDomain


def _listener(context: Context, listener_id: uuid.UUID, token: str | None = None, *, new: bool = False) -> Listener:
    found = accounts.account(context.database, listener_id, new=new)
    return Listener(
        picks=found.picks, picks_of_pictures=found.picks_of_pictures, domain=found.domain,
        first_composed=found.first_composed, listener_token=token,
    )  # fmt: skip


def _keep_seen(context: Context, claim: Claim | None) -> None:
    """Before another token is given: the pairs that stand in this one are open for that one, too."""
    if claim is not None:
        context.newcomers.keep(claim)


@router.get("", responses=ERRORS)
def read_listener(request: Request, response: Response, context: TheContext, claim: MaybeClaim) -> Listener:
    """Who is listening; a new anonymous listener where the request names none."""
    who, token = arrive(request, response, context, claim)
    bearer = given_token(request)
    if token is None and bearer and bearer != request.cookies.get(COOKIE):
        set_cookie(request, response, bearer)  # of whoever was here before
    return _listener(context, who.listener_id, token, new=who.new)


@router.post("", status_code=201, responses=ERRORS)
def start_afresh(request: Request, response: Response, context: TheContext) -> Listener:
    """A new anonymous listener, whoever asks; what was known before by another token stays."""
    who, token = newcomer(request, response, context)
    return _listener(context, who.listener_id, token, new=True)


@router.patch("", responses=ERRORS)
def change_listener(change: Change, context: TheContext, listener_id: Known) -> Listener:
    """Change the domain (of music, or pictures) at once: what is open of another one waits until it is chosen again."""
    accounts.change_domain(context.database, context.journal, listener_id, change.domain)
    return _listener(context, listener_id)


@router.get("/kept", responses=ERRORS)
def read_kept(response: Response, context: TheContext, listener_id: Known) -> Kept:
    """Whether all that the listener gave outlives this server's disk; null where nothing is kept elsewhere."""
    response.headers["Cache-Control"] = "no-store"
    return Kept(kept=context.journal.kept(listener_id))


@router.delete("", responses=ERRORS)
def delete_listener(request: Request, response: Response, context: TheContext, listener_id: Known) -> dict[str, bool]:
    """Forget the listener: votes, head, journal, and the clips composed only for them with their sound."""
    accounts.delete(context.records, listener_id)
    clear_cookie(request, response)
    return {"deleted": True}


@router.get("/export", responses=ERRORS)
def export_listener(
    context: TheContext, listener_id: Known, form: Annotated[Literal["json", "zip"], Query()] = "json"
) -> Response:
    """Everything that is stored about the listener, as JSON; ``zip`` adds votes as CSV, MIDI, pictures and the rest."""
    data = archive.signed(archive.export(context.database, listener_id), context.identity)
    headers = {"Content-Disposition": f'attachment; filename="kallos-listener.{form}"', "Cache-Control": "no-store"}
    if form == "zip":
        return Response(
            archive.pack(data, context.clip_store, archive.kept_by(context.settings.home, listener_id)),
            media_type="application/zip",
            headers=headers,
        )
    return JSONResponse(data, headers=headers)


@router.post("/import", status_code=201, responses=ERRORS)
def import_listener(
    request: Request,
    response: Response,
    context: TheContext,
    claim: MaybeClaim,
    *,
    data: Annotated[bytes, Body(media_type="application/octet-stream")] = b"",
    replace: Annotated[bool, Query()] = False,
    key: Annotated[str, Header(alias="Idempotency-Key", max_length=restore.MOST_KEY)] = "",
) -> Listener:
    """Bring back the listener of an export, zip or JSON, at most 10 MB unpacked, in place of the one who asks.

    Where the answer was lost, the same file with the same header ``Idempotency-Key`` (16 letters or more) gives it
    again. 409 where the one who asks has votes, which are deleted with ``replace=true``; 422 with what is wrong with
    the file.
    """
    listener_id = restore.bring(context.records, claim.listener_id if claim else None, data, replace=replace, key=key)
    token = context.tokens.give(listener_id)
    set_cookie(request, response, token)
    return _listener(context, listener_id, token)


@router.get("/votes", responses=ERRORS)
def read_votes(
    context: TheContext,
    listener_id: Known,
    before: Annotated[int, Query(ge=1, le=2**31 - 1)] = 2**31 - 1,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> rewind.History:
    """The listener's votes below number ``before``, newest first."""
    return rewind.history(context.database, listener_id, before=before, limit=limit)


@router.post("/rewind", responses=ERRORS)
def rewind_listener(given: Rewind, context: TheContext, listener_id: Known) -> rewind.Rewound:
    """Keep the first ``votes`` votes and undo the others for good, with what was learned and composed from them.

    Answers of blind tests stay: they have told what was compared.
    """
    return rewind.rewind(context.records, listener_id, given.votes)


@router.post("/undo", responses=ERRORS)
def undo_last_vote(context: TheContext, listener_id: Known) -> rewind.Undone:
    """Take the last vote back: its pair or four is open again, and what was learned from it is forgotten.

    422 where there is none, and for a blind test: its answer told what it was.
    """
    return rewind.undo_last(context.records, listener_id)


@router.post("/link", responses=ERRORS)
def link_listener(request: Request, context: TheContext, claim: MaybeClaim, listener_id: Known) -> Link:
    """An address for another device; it works once, within an hour, and the one before works no more."""
    _keep_seen(context, claim)
    token, expires_at = context.tokens.make_link(listener_id)
    # behind the #, which no server, log or referrer sees
    return Link(url=f"{public_address(request)}/#link={token}", expires_at=expires_at)


@router.post("/link/look", responses=ERRORS)
def look_at_link(given: LinkToken, context: TheContext) -> Invited:
    """To whom a link leads, before it is used; 422 where it works no more."""
    found = accounts.account(context.database, context.tokens.look_at_link(given.token))
    return Invited(picks=found.picks, domain=found.domain)


@router.post("/link/use", responses=ERRORS)
def use_link(given: LinkToken, request: Request, response: Response, context: TheContext) -> Listener:
    """Become the listener to whom a link leads; 422 where it works no more."""
    listener_id = context.tokens.use_link(given.token)
    token = context.tokens.give(listener_id)
    set_cookie(request, response, token)
    return _listener(context, listener_id, token)


@router.post("/sign-out", responses=ERRORS)
def sign_out_everywhere(
    request: Request, response: Response, context: TheContext, claim: MaybeClaim, listener_id: Known
) -> Listener:
    """Refuse every token and link that was given so far; whoever asks gets a new one and stays."""
    _keep_seen(context, claim)
    token = context.tokens.sign_out_everywhere(listener_id)
    set_cookie(request, response, token)
    return _listener(context, listener_id, token)
