"""What visitors may ask of Gradio, which by itself queues without end, and fetches any address that it is given.

Pages and named endpoints go through one queue. One address may have only so much in it, large events come slowly, a
file is one that was uploaded here, and what no page of ours uses is closed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webapp.runtime.limits import (
    BODY_BYTES,
    EVENTS_A_SECOND,
    EVENTS_AT_ONCE,
    LARGE_EVENTS_A_SECOND,
    LARGE_EVENTS_AT_ONCE,
    MOST_EVENTS_OF_ONE,
    Buckets,
    network_of,
)

PREFIX = "/gradio_api/"
# below the prefix: what makes Gradio call something of ours
JOIN, TOOLS = "queue/join", "mcp"
CALLS = (JOIN, "call/", "run/", "api/", TOOLS)
STREAM = PREFIX + "queue/data"
CLOSED = (  # of tools that our pages don't have: recordings cut by ffmpeg, an editor of the code, other sites' files
    *("process_recording", "vibe-", "undo-vibe-", "run-history/", "runs", "proxy=", "component_server", "dev/"),
    *("deep_link", "profiling/"),
)
FETCHED = ("http:", "https:", "ftp:", "//")
UNKNOWN_SESSION = {
    "msg": "unexpected_error", "event_id": None, "message": "404", "session_not_found": True, "success": False,
}  # fmt: skip


class Queue(Protocol):
    """Gradio's queue, as far as it is looked at."""

    pending_messages_per_session: Mapping[str, Any]
    event_queue_per_concurrency_id: Mapping[str, Any]


class GradioLimit:
    """Refuses what is too much, names another site's file, or is closed; ``app.state.site`` is the site, once there."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._events = Buckets(EVENTS_A_SECOND, EVENTS_AT_ONCE)
        self._large = Buckets(LARGE_EVENTS_A_SECOND, LARGE_EVENTS_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        path: str = scope["path"] if scope["type"] == "http" else ""
        if not path.startswith(PREFIX):
            await self.app(scope, receive, send)
        elif path.removeprefix(PREFIX).startswith(CLOSED):
            await _refuse(send, 404, "there is no such page")
        elif path.rstrip("/") == STREAM and not _is_known(scope):
            told = f"data: {json.dumps(UNKNOWN_SESSION)}\n\n".encode()  # as Gradio says it, without a traceback
            await _answer(send, 200, b"text/event-stream", told)
        elif scope["method"] == "POST" and path.removeprefix(PREFIX).startswith(CALLS):
            await self._call(scope, receive, send, path.removeprefix(PREFIX))
        else:
            await self.app(scope, receive, send)

    async def _call(self, scope: Scope, receive: Receive, send: Send, what: str) -> None:
        who = network_of(scope["client"][0] if scope.get("client") else None)
        if not self._events.take(who) or _waiting(scope, who) >= MOST_EVENTS_OF_ONE:
            await _refuse(send, 429, "too much is asked for at once; wait until it is answered")
            return
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":  # they left, or ``BodyLimit`` cut it off
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if len(body) > BODY_BYTES and (not what.startswith(JOIN) or not self._large.take(who)):
            of_page = what.startswith(JOIN)
            status, told = (429, "wait a moment") if of_page else (413, f"at most {BODY_BYTES} bytes are allowed")
            await _refuse(send, status, f"the request is too large; {told}")
            return
        if _names_another_site(bytes(body), any_text=what.startswith(TOOLS)):
            await _refuse(send, 422, "files of other sites are not fetched; upload the file itself")
            return
        await self.app(scope, _again(bytes(body), receive), send)


def _queue(scope: Scope) -> Queue | None:
    site = getattr(scope["app"].state, "site", None)
    return getattr(site, "_queue", None)


def _is_known(scope: Scope) -> bool:
    """Whether somebody waits for answers under the name of the session; unknown ones would be found out by Gradio."""
    session = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])[0]
    queue = _queue(scope)
    return queue is None or session in queue.pending_messages_per_session


def _waiting(scope: Scope, who: str) -> int:
    """How many events of this address wait in the queue."""
    queue = _queue(scope)
    lanes = list(queue.event_queue_per_concurrency_id.values()) if queue else []
    clients = (event.request.client for lane in lanes for event in list(lane.queue))
    return sum(network_of(client.host if client else None) == who for client in clients)


def _names_another_site(body: bytes, *, any_text: bool) -> bool:
    """Whether the ``path`` of a file in it is an address; an argument of a tool may be a file by its ``any_text``."""
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):
        return False  # which Gradio can't read, either
    waiting: list[tuple[Any, bool]] = [(whole, False)]
    while waiting:
        value, may_be_file = waiting.pop()
        if isinstance(value, dict):
            waiting += [(each, name == "path" or (any_text and name == "arguments")) for name, each in value.items()]
            waiting += [(each, True) for each in value.values() if any_text and may_be_file]
        elif isinstance(value, list):
            waiting += [(each, may_be_file) for each in value]
        elif may_be_file and isinstance(value, str) and value.strip().lower().startswith(FETCHED):
            return True
    return False


def _again(body: bytes, receive: Receive) -> Receive:
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


async def _refuse(send: Send, status: int, text: str) -> None:
    # Gradio's page shows what stands under ``detail``
    await _answer(send, status, b"application/json", json.dumps({"error": text, "detail": text}).encode())


async def _answer(send: Send, status: int, kind: bytes, body: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
