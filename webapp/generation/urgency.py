"""What nobody waits for has the lowest priority, for as long as nothing else is asked for."""

from __future__ import annotations

import asyncio
import os

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from webapp.runtime.supervised_process import LOWEST, PROC, SESSION_NICENESS, lower_session

BACKGROUND = {"Priority": "u=7"}  # the header of such a request: RFC 9218, "Urgency"
AGAIN_SECONDS = 0.2  # after a change that was refused: Linux allows ten a second


def own_session() -> bool:
    """Whether this process leads a session that Linux groups: in a terminal's it would lower what else runs there."""
    return hasattr(os, "getsid") and os.getsid(0) == os.getpid() and (PROC / "self" / "autogroup").exists()


class ByUrgency:
    """Sets the priority of this process' session by what is asked of it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._background = self._others = 0  # requests under way
        self._lowest = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        if scope["type"] != "http" or scope["path"] == "/healthz":
            await self.app(scope, receive, send)
            return
        background = Headers(scope=scope).get("priority") == BACKGROUND["Priority"]
        self._count(1, background=background)
        try:
            await self.app(scope, receive, send)
        finally:
            self._count(-1, background=background)

    def _count(self, more: int, *, background: bool) -> None:
        if background:
            self._background += more
        else:
            self._others += more
        self._set()

    def _set(self) -> None:
        lowest = self._background > 0 and self._others == 0
        if lowest == self._lowest:
            return
        if lower_session("self", LOWEST if lowest else SESSION_NICENESS):
            self._lowest = lowest
        else:
            asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._set)
