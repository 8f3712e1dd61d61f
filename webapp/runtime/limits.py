"""Limits that keep one visitor from using up what all share: the size of a request, and how much one address may do."""

from __future__ import annotations

import ipaddress
import json
import threading
import time
from collections import OrderedDict

from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_BYTES = 64 * 1024
UPLOAD_BYTES = 256 * 1024
EXPORT_BYTES = 10_000_000
EVENT_BYTES = 2_000_000  # what a page sends to one of its handlers, such as the points of a selection
FILE_BYTES = EXPORT_BYTES + BODY_BYTES  # a file within a form
FILM_BYTES = 40_000_000
FOLDER_BYTES = 500_000_000  # that uploads and downloads may take together
LARGER = {
    "/api/studio/uploads": UPLOAD_BYTES,
    "/api/listener/import": EXPORT_BYTES,
    "/gradio_api/upload": FILM_BYTES + BODY_BYTES,  # ``UploadLimit`` allows other files less
    "/upload": FILM_BYTES + BODY_BYTES,
}
# of one address, behind which a whole class may sit; of all of them together; listeners, imported files, uploads, votes
NEW_LISTENERS_A_SECOND, NEW_LISTENERS_AT_ONCE = 0.5, 50
ALL_NEW_LISTENERS_A_SECOND, ALL_NEW_LISTENERS_AT_ONCE = 20.0, 400
PARTICIPANTS_A_SECOND, PARTICIPANTS_AT_ONCE = 1 / 120, 40  # of one address: a laboratory, and not a whole quota
IMPORTS_A_SECOND, IMPORTS_AT_ONCE = 0.05, 5
UPLOADS_A_SECOND, UPLOADS_AT_ONCE = 0.5, 20
VOTES_A_SECOND, VOTES_AT_ONCE = 50.0, 200  # of one listener: nobody listens so fast, a program may
STEERED_A_SECOND, STEERED_AT_ONCE = 0.2, 10  # of one listener: each composes some versions, and may keep none
UNDONE_A_SECOND, UNDONE_AT_ONCE = 0.2, 10  # of one listener: each learns their head again from all their votes
LONG_OF_ONE_ADDRESS = 8  # of what follows, all listeners of one address together
LONG_A_SECOND, LONG_AT_ONCE = 1 / 300, 6  # of one listener: what takes minutes, while everybody else waits for it
# of one address: events of pages and calls of named endpoints, those larger than BODY_BYTES, and what may wait at once
EVENTS_A_SECOND, EVENTS_AT_ONCE = 30.0, 600
LARGE_EVENTS_A_SECOND, LARGE_EVENTS_AT_ONCE = 0.5, 10
MOST_EVENTS_OF_ONE, MOST_EVENTS = 150, 400  # the second of all addresses together
MOST_BUCKETS = 20_000


class BodyLimit:
    """Refuses a request with more body than its path may have, said or streamed, with 413."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        allowed = LARGER.get(path, EVENT_BYTES if path.startswith("/gradio_api/") else BODY_BYTES)
        said = dict(scope["headers"]).get(b"content-length", b"0")
        if not said.isdigit() or int(said) > allowed:
            await _refuse(send, allowed)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            # a stream that goes on too long is cut off: the handler sees a client that left
            return message if seen <= allowed else {"type": "http.disconnect"}

        await self.app(scope, counted, send)


async def _refuse(send: Send, allowed: int) -> None:
    body = json.dumps({"error": f"the request is too large; at most {allowed} bytes are allowed"}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def network_of(address: str | None) -> str:
    """What limits are counted by: an IPv4 address, or the /64 that one customer has of IPv6."""
    try:
        ip = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return address or "nobody"
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)


class TokenBucket:
    """Lets ``at_once`` through in a burst and ``a_second`` in the long run; safe between threads."""

    def __init__(self, a_second: float, at_once: float) -> None:
        self._a_second, self._at_once = a_second, at_once
        self._left, self._then = at_once, time.monotonic()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Whether one more may pass now."""
        with self._lock:
            now = time.monotonic()
            self._left = min(self._at_once, self._left + (now - self._then) * self._a_second)
            self._then = now
            if self._left < 1:
                return False
            self._left -= 1
            return True


class Buckets:
    """A bucket for each address or listener; the ones used longest ago are forgotten first."""

    def __init__(self, a_second: float, at_once: float, most: int = MOST_BUCKETS) -> None:
        self._a_second, self._at_once, self._most = a_second, at_once, most
        self._of: OrderedDict[str, TokenBucket] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, whose: str) -> bool:
        """Whether one more of theirs may pass now."""
        with self._lock:
            bucket = self._of.setdefault(whose, TokenBucket(self._a_second, self._at_once))
            self._of.move_to_end(whose)
            if len(self._of) > self._most:
                self._of.popitem(last=False)
        return bucket.take()
