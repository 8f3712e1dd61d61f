"""Who may change something: a program that names itself, or a page of this site; no page of another one.

A browser sends a listener's cookie along with whatever another site asks of us. So a request that may change something
needs a Bearer token, which no other site has, or must come from this site's own pages, as ``Sec-Fetch-Site`` or
``Origin`` says. A page of ours within another site's frame is still of this site. A program sends neither header and no
cookie, and is nobody unless it names a listener.
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webapp.runtime.identity import COOKIE

SAFE = {"GET", "HEAD", "OPTIONS"}
ALLOWED = b"GET, HEAD, POST, PATCH, DELETE"
CROSS_ORIGIN = b"access-control-"
REFUSED = (
    "this came from another site, or does not say where from; send a listener's token as Authorization: Bearer, "
    "or ask from a page of this site"
)


class SameOrigin:
    """Refuses with 403 what another site asks to change, and gives no other site leave to read anything.

    It answers OPTIONS itself: behind it Gradio would let every origin in, with the visitor's cookies.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await _answer(send, 204, [(b"allow", ALLOWED)])
        elif scope["method"] in SAFE or may_change(HTTPConnection(scope)):
            await self.app(scope, receive, _without_leave(send))
        else:
            body = json.dumps({"error": REFUSED, "code": "another_site"}).encode()
            await _answer(send, 403, [(b"content-type", b"application/json")], body)


def may_change(request: HTTPConnection) -> bool:
    """Whether a request that may change something comes from this site, or from a program that names itself."""
    headers = request.headers
    if headers.get("authorization", "").lower().startswith("bearer "):
        return True  # another site would have to ask before it sends this, and is not let
    if site := headers.get("sec-fetch-site"):
        return site == "same-origin"
    if origin := headers.get("origin"):
        return urlsplit(origin).netloc.lower() in _own_names(headers)
    return COOKIE not in request.cookies


def _own_names(headers: Headers) -> set[str]:
    """What a browser may call this site, also behind a proxy; another site can't choose these headers."""
    given = (headers.get(name, "").split(",")[0].strip().lower() for name in ("x-forwarded-host", "host"))
    return {name for name in given if name}


def _without_leave(send: Send) -> Send:
    async def answered(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(name, value) for name, value in message["headers"] if not name.lower().startswith(CROSS_ORIGIN)]
            message = {**message, "headers": kept}
        await send(message)

    return answered


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes = b"") -> None:
    length = [(b"content-length", str(len(body)).encode())] if body else []
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": body})
