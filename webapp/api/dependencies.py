"""What the routers share: the ``Context``, who is asking, how refusals look, sound, and a browser's address.

A page keeps the ``listener_token`` that ``GET /api/listener`` gives once, or a later one that an answer brings in its
header ``Listener-Token``, and sends it as ``Authorization: Bearer``; the cookie carries it where one is possible. A
token that is not valid is refused with 401 and ``invalid_token``: the page keeps it and asks the person what to do.

Sound is answered as media elements ask for it: whole, or one range of its bytes. Starlette's ``FileResponse`` answers
ranges too, but of files only (the clip store may be an object store), and it tells when a file was written, which would
tell a new clip from an old one in a blind pair.
"""

from __future__ import annotations

import contextlib
import re
import uuid
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from pydantic import BaseModel

from webapp.composing.media import ALONE, MEDIA, ending
from webapp.context import Context
from webapp.listeners import accounts
from webapp.runtime.errors import InvalidToken, NoListener
from webapp.runtime.identity import Claim, given_token, is_https, set_cookie
from webapp.runtime.middleware import root_path
from webapp.runtime.waiting import Waits, waits_for

IMMUTABLE = "private, max-age=31536000, immutable"
RENEWED = "Listener-Token"  # the header of an answer with another token of the same listener, which the page is to keep


class Problems(BaseModel):
    """What went wrong: what was given, what is allowed, what to do.

    ``code``: ``unknown_listener`` where the one who asks was deleted, or names nobody; ``invalid_token`` where the
    token was taken back or is not ours; ``another_site`` where another site asks for a change.
    """

    error: str
    code: str | None = None


ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problems} for status in (401, 403, 404, 409, 413, 422, 429, 503)
}


def image_response(image: bytes) -> Response:
    """A picture's file (``webapp.composing.media``)."""
    return Response(image, media_type=MEDIA[ending(image)], headers={"Cache-Control": IMMUTABLE, **ALONE})


# What is no coroutine is handed to a thread and back, which on a busy machine costs more than what is done there.
async def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


async def _waits(request: Request) -> Waits:
    return waits_for(request)


TheContext = Annotated[Context, Depends(_context)]
Waiting = Annotated[Waits, Depends(_waits)]


def claim_of(request: Request, context: TheContext) -> Claim | None:
    """Who asks, as their token says; None where none came. Raises ``InvalidToken``."""
    token = given_token(request)
    return context.tokens.read(token) if token is not None and token != "" else None


def asking(request: Request, context: Context) -> uuid.UUID | None:
    """The listener who asks; None where nobody is named, or by a token that is not valid."""
    token = given_token(request)
    with contextlib.suppress(InvalidToken):
        return context.tokens.read(token).listener_id if token else None
    return None


MaybeClaim = Annotated[Claim | None, Depends(claim_of)]


def _known(context: TheContext, claim: MaybeClaim) -> uuid.UUID:
    """The listener of the request, who is stored now where nothing was stored of them yet."""
    if claim is None:
        raise NoListener("no listener's token came with this request; GET /api/listener gives one")
    context.newcomers.settle(claim)
    return claim.listener_id


Known = Annotated[uuid.UUID, Depends(_known)]


def arrive(request: Request, response: Response, context: Context, claim: Claim | None) -> tuple[Claim, str | None]:
    """Who asks, or somebody new where nobody is named who is here; the token that the page should keep, if a new one.

    Nothing is stored of somebody new before they do more than look. Who came before there was anything to draw gets
    another token once there is, by the cookie and by ``RENEWED``.
    """
    if claim is None:
        return newcomer(request, response, context)
    if accounts.exists(context.database, claim.listener_id):
        return claim, None
    if not context.newcomers.waits(claim):
        return newcomer(request, response, context)
    found = context.newcomers.drawn_for(claim)
    if found is claim:
        return claim, None
    token = context.identity.token_of(found)
    set_cookie(request, response, token)
    response.headers[RENEWED] = token
    return found, token


def newcomer(request: Request, response: Response, context: Context) -> tuple[Claim, str]:
    """Somebody new and their token, which the cookie carries from now on."""
    accounts.admit(address_of(request))
    claim = context.newcomers.come()
    token = context.identity.token_of(claim)
    set_cookie(request, response, token)
    return claim, token


def address_of(request: Request) -> str | None:
    """Where a request comes from; as a proxy says, where it is one of ``KALLOS_TRUSTED_PROXIES``."""
    return request.client.host if request.client else None


def public_address(request: Request) -> str:
    """Scheme, host and prefix as the listener's browser sees them, also behind a proxy that ends https.

    Uvicorn's middleware knows no host, and no chain of proxies.
    """
    scheme = "https" if is_https(request) else "http"
    host = request.headers.get("x-forwarded-host", request.headers.get("host", request.url.netloc)).split(",")[0]
    return f"{scheme}://{host.strip()}{root_path(request.scope)}"


ONE_RANGE = re.compile(r"bytes\s*=\s*([0-9]*)-([0-9]*)")
MOST_DIGITS = 15


def sound_response(data: bytes, wanted: str) -> Response:
    """The whole sound, or the one range of bytes that a media element asks for."""
    headers = {"Cache-Control": IMMUTABLE, "Accept-Ranges": "bytes"}
    found = ONE_RANGE.fullmatch(wanted.strip())
    if found is None or not any(found.groups()):
        return Response(data, media_type="audio/mpeg", headers=headers)
    first, last = found.groups()
    if max(len(first), len(last)) > MOST_DIGITS:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{len(data)}"})
    start = int(first) if first else max(0, len(data) - int(last))
    end = min(int(last), len(data) - 1) if first and last else len(data) - 1
    if start > end:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
    return Response(data[start : end + 1], status_code=206, media_type="audio/mpeg", headers=headers)
