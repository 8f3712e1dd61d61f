"""What the routers share: the ``Context``, who is asking, how refusals look, and the address that a browser sees.

A page keeps the ``listener_token`` that ``GET /api/listener`` gives once and sends it as ``Authorization: Bearer``; the
cookie carries it where one is possible. A link token (``?token=`` in a page's address) is sent the same way and
answered with a lasting token.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from pydantic import BaseModel

from webapp.context import Context
from webapp.listeners import accounts
from webapp.runtime.errors import NoListener
from webapp.runtime.identity import Claim, is_https, set_cookie

IMMUTABLE = "private, max-age=31536000, immutable"


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


def public_address(request: Request) -> str:
    """Scheme, host and prefix as the listener's browser sees them, also behind a proxy that ends https.

    Uvicorn's ``proxy_headers`` knows neither host nor prefix, and no chain of proxies.
    """
    scheme = "https" if is_https(request) else "http"
    host = request.headers.get("x-forwarded-host", request.headers.get("host", request.url.netloc)).split(",")[0]
    prefix = request.headers.get("x-forwarded-prefix", "").rstrip("/")
    return f"{scheme}://{host.strip()}{prefix}"
