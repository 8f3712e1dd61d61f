"""Stopping in order: what was asked before the end is answered, and nothing new is begun."""

from __future__ import annotations

import asyncio
import json
import time

from starlette.types import ASGIApp, Receive, Scope, Send

ENDLESS = "/gradio_api/heartbeat/"  # a stream that every open page has, until the server goes
LOOK_EVERY_S = 0.05
BUSY = json.dumps({"error": "Kallos is being stopped; try again in a moment"}).encode()


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
