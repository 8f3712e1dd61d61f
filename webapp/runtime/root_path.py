"""Below which path this installation is seen: ``KALLOS_ROOT_PATH``, or what a trusted proxy says of each request.

A proxy may take the path off before it passes a request on, or leave it. Within the application every path is as if
there were none; the frameworks, which write addresses, are told of it last of all.
"""

from __future__ import annotations

import re
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

A_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
KEY = "kallos.root_path"
HEADER = b"x-forwarded-prefix"
HOSTS = (b"host", b"x-forwarded-host")


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
