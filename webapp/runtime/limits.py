"""Limits that keep one visitor from using up what all share: how much one address may do, send, upload and queue.

Gradio by itself takes any file from anybody, queues without end and fetches any address that it is given. Pages and
named endpoints go through one queue, in which one address may have only so much; large events come slowly, a file is of
our kinds and was uploaded here, and what no page of ours uses is closed. An uploaded file is deleted by the handler
that reads it, and an hour later where none does (``Downloads``).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.music.midi_file import SUFFIXES as MIDI

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
UPLOADED_AT_ONCE = 150_000_000  # bytes of one address, and as many an hour: it can't fill ``FOLDER_BYTES``
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
_address: ContextVar[str | None] = ContextVar("address", default=None)
PATHS = {"/gradio_api/upload", "/upload"}  # of uploads
SOUND = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".aif", ".aiff")
FILMS = (".mp4", ".mov", ".webm", ".mkv", ".avi", ".m4v", ".gif")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".heic", ".heif")  # HEIC is named
KINDS = (*MIDI, ".abc", *SOUND, *PICTURES, *FILMS, ".zip", ".json")
HEADER_BYTES = 4096  # in which the first file's name stands
FILMS_AT_ONCE = 3  # that are on their way: each is held in memory until it is whole
UPLOAD_S, EVENT_S = 300.0, 30.0  # in which an upload, or what a page sends, has to have arrived
NAMES = re.compile(
    rb'^content-disposition:[^\r\n]*?filename\*?=(?:"([^"\r\n]*)"|([^"\r\n;]*))', re.IGNORECASE | re.MULTILINE
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
FETCHED = ("http:", "https:", "ftp:", "//")  # how an address begins that Gradio would fetch
UNKNOWN_SESSION = {
    "msg": "unexpected_error", "event_id": None, "message": "404", "session_not_found": True, "success": False,
}  # fmt: skip


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
            await _refuse(send, 413, f"the request is too large; at most {allowed} bytes are allowed")
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            # a stream that goes on too long is cut off: the handler sees a client that left
            return message if seen <= allowed else {"type": "http.disconnect"}

        await self.app(scope, counted, send)


async def _refuse(send: Send, status: int, text: str) -> None:
    body = json.dumps({"error": text}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def note_address(address: str | None) -> None:
    """From here on, in this thread or task, work is done for somebody at this address."""
    _address.set(address)


def asking_network() -> str:
    """What limits are counted by, of whoever is being answered; "" where that is nobody from outside."""
    address = _address.get()
    return "" if address is None else network_of(address)


def network_of(address: str | None) -> str:
    """What limits are counted by: an IPv4 address, or the /64 that one customer has of IPv6."""
    try:
        ip = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return address or "nobody"
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)


class AskedFrom:
    """Notes the address of every request; pages' handlers and named endpoints do so by themselves (``ui.handlers``)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        if scope["type"] == "http":
            note_address(scope["client"][0] if scope.get("client") else "")
        await self.app(scope, receive, send)


class TokenBucket:
    """Lets ``at_once`` through in a burst and ``a_second`` in the long run; safe between threads."""

    def __init__(self, a_second: float, at_once: float) -> None:
        self._a_second, self._at_once = a_second, at_once
        self._left, self._then = at_once, time.monotonic()
        self._lock = threading.Lock()

    def take(self, amount: float = 1) -> bool:
        """Whether so much more may pass now."""
        with self._lock:
            now = time.monotonic()
            self._left = min(self._at_once, self._left + (now - self._then) * self._a_second)
            self._then = now
            if self._left < amount:
                return False
            self._left -= amount
            return True


class Buckets:
    """A bucket for each address or listener; the ones used longest ago are forgotten first."""

    def __init__(self, a_second: float, at_once: float, most: int = MOST_BUCKETS) -> None:
        self._a_second, self._at_once, self._most = a_second, at_once, most
        self._of: OrderedDict[str, TokenBucket] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, whose: str, amount: float = 1) -> bool:
        """Whether so much more of theirs may pass now."""
        with self._lock:
            bucket = self._of.setdefault(whose, TokenBucket(self._a_second, self._at_once))
            self._of.move_to_end(whose)
            if len(self._of) > self._most:
                self._of.popitem(last=False)
        return bucket.take(amount)


class UploadLimit:
    """Refuses an upload that is too large, of no kind that a page reads, or one too many for ``folder``."""

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self.app = app
        self._folder = folder
        self._films = 0
        self._uploads = Buckets(UPLOADS_A_SECOND, UPLOADS_AT_ONCE)
        self._bytes = Buckets(UPLOADED_AT_ONCE / 3600, UPLOADED_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"].rstrip("/") not in PATHS:
            await self.app(scope, receive, send)
            return
        who = network_of(scope["client"][0] if scope.get("client") else None)
        if not self._uploads.take(who):
            await _refuse(send, 429, "you have uploaded many files just now; try again in a minute")
            return
        body, most, more = bytearray(), FILE_BYTES, True
        try:
            async with asyncio.timeout(UPLOAD_S):
                while more:
                    message = await receive()
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if most < len(body) and most == FILE_BYTES and _may_be_large(body):
                        if self._films >= FILMS_AT_ONCE:
                            await _refuse(send, 503, "other films are being uploaded; try again in a moment")
                            return
                        most, self._films = FILM_BYTES + BODY_BYTES, self._films + 1
                    if len(body) > most or message["type"] == "http.disconnect":  # cut off by ``BodyLimit``
                        allowed = FILM_BYTES if most > FILE_BYTES else EXPORT_BYTES
                        await _refuse(send, 413, f"the file is too large; at most {allowed} bytes can be uploaded")
                        return
        except TimeoutError:
            late = f"the file had not arrived after {UPLOAD_S:.0f} seconds; try a smaller one, or a faster connection"
            await _refuse(send, 408, late)
        else:
            await self._kept(bytes(body), who, scope, receive, send)
        finally:
            self._films -= most > FILE_BYTES

    async def _kept(self, body: bytes, who: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a whole upload on where its files are of our kinds and there is room, for this address too."""
        names = [(quoted or plain).decode(errors="replace") for quoted, plain in NAMES.findall(body)]
        if not names or any(not name.lower().endswith(KINDS) for name in names):
            await _refuse(send, 415, f"only files of these kinds can be uploaded: {', '.join(KINDS)}")
            return
        if _bytes_in(self._folder) + len(body) > FOLDER_BYTES:
            await _refuse(send, 503, "there is no room for more files just now; try again in an hour")
            return
        if not self._bytes.take(who, len(body)):
            allowed = f"one address can upload {UPLOADED_AT_ONCE // 1_000_000} MB, then as much again over an hour"
            await _refuse(send, 429, f"{allowed}; you, or others at yours, have come to that: try again later")
            return
        await self.app(scope, _again(body, receive), send)


def _may_be_large(body: bytearray) -> bool:
    """Whether the first file of an upload that has begun is called a film or a picture."""
    name = NAMES.search(body[:HEADER_BYTES])
    called = (name[1] or name[2] or b"") if name else b""
    return called.decode(errors="replace").lower().endswith((*FILMS, *PICTURES))


def _again(body: bytes, receive: Receive) -> Receive:
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # deleted just now
            total += path.stat().st_size
    return total


class Queue(Protocol):
    """Gradio's queue, as far as it is looked at."""

    pending_messages_per_session: Mapping[str, Any]
    event_queue_per_concurrency_id: Mapping[str, Any]


class GradioLimit:
    """Refuses what is too much, names a file of another site or outside ``folder``, where uploads lie, or is closed.

    ``app.state.site`` is the site, once there.
    """

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self.app = app
        self._folder = folder.resolve()
        self._events = Buckets(EVENTS_A_SECOND, EVENTS_AT_ONCE)
        self._large = Buckets(LARGE_EVENTS_A_SECOND, LARGE_EVENTS_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        path: str = scope["path"] if scope["type"] == "http" else ""
        if not path.startswith(PREFIX):
            await self.app(scope, receive, send)
        elif path.removeprefix(PREFIX).startswith(CLOSED):
            await _refuse_event(send, 404, "there is no such page")
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
            await _refuse_event(send, 429, "too much is asked for at once; wait until it is answered")
            return
        body, more = bytearray(), True
        try:
            async with asyncio.timeout(EVENT_S):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":  # they left, or ``BodyLimit`` cut it off
                        return
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
        except TimeoutError:
            await _refuse_event(send, 408, f"the request had not arrived after {EVENT_S:.0f} seconds; try again")
            return
        if len(body) > BODY_BYTES and (not what.startswith(JOIN) or not self._large.take(who)):
            of_page = what.startswith(JOIN)
            status, told = (429, "wait a moment") if of_page else (413, f"at most {BODY_BYTES} bytes are allowed")
            await _refuse_event(send, status, f"the request is too large; {told}")
            return
        if _names_another_file(bytes(body), self._folder, any_text=what.startswith(TOOLS)):
            await _refuse_event(send, 422, "files of other places are not read; upload the file itself")
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


def _names_another_file(body: bytes, folder: Path, *, any_text: bool) -> bool:
    """Whether the ``path`` of a file in it is an address, or lies outside of ``folder``.

    An argument of a tool may be a file by its ``any_text``. Gradio would refuse such a path, with a traceback.
    """
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):
        return False  # which Gradio can't read, either
    waiting: list[tuple[Any, bool]] = [(whole, False)]
    while waiting:
        value, may_be_file = waiting.pop()
        if isinstance(value, dict):
            if _is_file(value) and not Path(value["path"]).resolve().is_relative_to(folder):
                return True
            waiting += [(each, name == "path" or (any_text and name == "arguments")) for name, each in value.items()]
            waiting += [(each, True) for each in value.values() if any_text and may_be_file]
        elif isinstance(value, list):
            waiting += [(each, may_be_file) for each in value]
        elif may_be_file and isinstance(value, str) and value.strip().lower().startswith(FETCHED):
            return True
    return False


def _is_file(value: dict[str, Any]) -> bool:
    """Whether Gradio takes it for a file by its path."""
    meta, path = value.get("meta"), value.get("path")
    return isinstance(meta, dict) and meta.get("_type") == "gradio.FileData" and isinstance(path, str)


async def _refuse_event(send: Send, status: int, text: str) -> None:
    # Gradio's page shows what stands under ``detail``
    await _answer(send, status, b"application/json", json.dumps({"error": text, "detail": text}).encode())


async def _answer(send: Send, status: int, kind: bytes, body: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
