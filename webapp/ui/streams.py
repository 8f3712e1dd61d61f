"""Keeps a page from missing an answer that it asked for just while Gradio closed the stream of the answers before.

And tells ``waits`` when a page, or who called a named endpoint, has left while an answer was awaited.
"""

from __future__ import annotations

import asyncio
import json
import re
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webapp.ui import waits

STREAM, JOIN = "/gradio_api/queue/data", "/gradio_api/queue/join"
ANSWER = re.compile(r"/gradio_api/call/[^/]+/([^/]+)$")  # of one event, which is a session of its own
CLOSES = b'"close_stream"'
APART_S = 0.05
READ = 2**20  # bytes of what a page asks; whose it is stands at the end of it, and a longer one waits for nothing


class StreamOrder:
    """Tells a browser that its next event was taken only after it has heard that the stream was closed.

    Gradio ends the stream of a session as soon as nothing is asked for any more, and its page opens another one when it
    hears that the next event was taken, unless it still believes in the old one. Then nothing would be answered until
    the event after. So the two messages are kept apart, if they come from the same moment.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._closed: dict[str, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with an eye on the two addresses."""
        path = scope.get("path", "") if scope["type"] == "http" else ""
        answer = ANSWER.search(path)
        if path.endswith(STREAM):
            await self._stream(scope, receive, send, _session_of(scope))
        elif answer and scope["method"] == "GET":
            await self._stream(scope, receive, send, answer[1])
        elif path.endswith(JOIN):
            await self._join(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send, session: str) -> None:
        closed = False

        async def heard() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect" and not closed:
                waits.leave(session)
            return message

        async def watched(message: Message) -> None:
            nonlocal closed
            if CLOSES in message.get("body", b""):
                closed = True
                now = asyncio.get_running_loop().time()
                self._closed = {each: at for each, at in self._closed.items() if now - at < APART_S} | {session: now}
            await send(message)

        await self.app(scope, heard, watched)

    async def _join(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytearray()

        async def read() -> Message:
            message = await receive()
            if len(body) < READ:
                body.extend(message.get("body", b""))
            return message

        async def later(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._wait_for(_session(body))
            await send(message)

        await self.app(scope, read, later)

    async def _wait_for(self, session: str) -> None:
        closed = self._closed.get(session)
        if closed is not None:
            await asyncio.sleep(max(0.0, closed + APART_S - asyncio.get_running_loop().time()))


def _session_of(scope: Scope) -> str:
    return str(parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])[0])


def _session(body: bytearray) -> str:
    try:
        return str(json.loads(bytes(body)).get("session_hash", ""))
    except (ValueError, AttributeError, RecursionError):
        return ""
