"""What is noted of every request before a page or a route sees it, and how requests end when the server does.

Below which path this installation is seen: ``KALLOS_ROOT_PATH``, or what a trusted proxy says of each request. A proxy
may take the path off before it passes a request on, or leave it. Within the application every path is as if there were
none; the frameworks, which write addresses, are told of it last of all.

By whose address it was asked, which limits count, and when somebody last asked for something: what looks whether Kallos
is well, again and again, is nobody. Before the end, what was asked is answered, and nothing new is begun.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import threading
import time
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

A_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
KEY = "kallos.root_path"  # in a request's scope
HEADER = b"x-forwarded-prefix"
HOSTS = (b"host", b"x-forwarded-host")
NOBODY = {"/healthz", "/metrics", "/status"}  # which machines ask for, or a page by itself
QUIET_SECONDS = 60.0  # after which what waits for people looks less often
ENDLESS = "/gradio_api/heartbeat/"  # a stream that every open page has, until the server goes
LOOK_EVERY_S = 0.05
BUSY = json.dumps({"error": "Kallos is being stopped; try again in a moment"}).encode()


def root_path(scope: Scope) -> str:
    """The path below which the browser of this request sees the application: "" or such as ``/kallos``."""
    return str(scope.get(KEY, ""))


class BehindProxies:
    """Outermost: who asks, by which scheme, and below which path, as far as trusted proxies say so."""

    def __init__(self, app: ASGIApp, trusted: str, root_path: str = "") -> None:
        wrapped: Any = app  # uvicorn has types of its own for the same things
        self._app: Any = ProxyHeadersMiddleware(wrapped, trusted_hosts=trusted)
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        below = self._root_path or self._told(scope)
        # nobody within looks at the header: who is not trusted may have written it
        headers = [each for each in scope["headers"] if each[0].lower() != HEADER]
        path = scope["path"]
        if below and path == below:
            query = scope["query_string"].decode("latin-1")
            await RedirectResponse(f"{below}/{f'?{query}' if query else ''}")(scope, receive, send)
            return
        if below and path.startswith(f"{below}/"):
            path = path[len(below) :]
        await self._app({**scope, "headers": headers, "path": path, KEY: below}, receive, send)

    def _told(self, scope: Scope) -> str:
        client = scope.get("client")
        if not client or client[0] not in self._app.trusted_hosts:
            return ""
        told = Headers(scope=scope).get("x-forwarded-prefix", "").split(",")[0].strip().rstrip("/")
        return told if A_PATH.fullmatch(told) else ""


class BelowRootPath:
    """Innermost: the application's frameworks see the request as the browser made it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        below = root_path(scope)
        if below:
            given = Headers(scope=scope)
            host = given.get("x-forwarded-host", given.get("host", "")).split(",")[0].strip()
            others = [each for each in scope["headers"] if each[0].lower() not in HOSTS]
            scope = {
                **scope,
                "path": f"{below}{scope['path']}",
                "raw_path": below.encode() + scope.get("raw_path", scope["path"].encode()).removeprefix(below.encode()),
                "root_path": below,
                "headers": [*others, (b"host", host.encode("latin-1"))],
            }
        await self.app(scope, receive, send)


class Visits:
    """Safe between threads."""

    def __init__(self) -> None:
        self._newer = threading.Event()
        self._last = -math.inf

    def note(self) -> None:
        """Somebody is here."""
        self._last = time.monotonic()
        if not self._newer.is_set():
            self._newer.set()

    def age_s(self) -> float:
        """Seconds since the last visit; infinite before the first."""
        return time.monotonic() - self._last

    @property
    def quiet(self) -> bool:
        """Whether nobody has been here for a while."""
        return self.age_s() > QUIET_SECONDS

    def wait(self, seconds: float) -> None:
        """Until somebody is here who was not when this was last called, or so many seconds have passed."""
        self._newer.wait(seconds)
        self._newer.clear()

    def wake(self) -> None:
        """End a ``wait``."""
        self._newer.set()


class NoteVisits:
    """Notes each request that is not ``NOBODY``'s."""

    def __init__(self, app: ASGIApp, visits: Visits) -> None:
        self.app, self._visits = app, visits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        if scope["type"] == "http" and scope["path"] not in NOBODY:
            self._visits.note()
        await self.app(scope, receive, send)


class Draining:
    """Counts the requests under way; once it ``refuses``, every further one is told to come again (503)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.refuses = False
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        if scope["type"] != "http" or ENDLESS in scope["path"]:
            await self.app(scope, receive, send)
            return
        if self.refuses:
            headers = [(b"content-type", b"application/json"), (b"retry-after", b"2"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": BUSY})
            return
        self._under_way += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._under_way -= 1

    async def wait(self, patience_s: float) -> bool:
        """Wait until nothing is under way, ``patience_s`` at most; whether that is so."""
        until = time.monotonic() + patience_s
        while self._under_way and time.monotonic() < until:
            await asyncio.sleep(LOOK_EVERY_S)
        return not self._under_way
