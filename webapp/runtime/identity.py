"""Who is asking, and whether another site's page may: an anonymous listener, known by a signed token.

It is in a cookie or an ``Authorization: Bearer`` header: a page in another site's frame may get no cookie. A token is
of a generation: when its listener signs out everywhere, a new one begins. A link token is no listener's token: it is
exchanged for one, once. The token of somebody of whom nothing is stored yet holds what there is: when they came, and
what was drawn for them.

A browser sends a listener's cookie along with whatever another site asks of us. So a request that may change something
needs a Bearer token, which no other site has, or must come from this site's own pages, as ``Sec-Fetch-Site`` or
``Origin`` says. A page of ours within another site's frame is still of this site. A program sends neither header and no
cookie, and is nobody unless it names a listener.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from itsdangerous import BadSignature, URLSafeSerializer, URLSafeTimedSerializer
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webapp.runtime.middleware import root_path

COOKIE = "kallos_listener"
COOKIE_AGE = timedelta(days=400)  # the longest that browsers keep one
LINK_AGE = timedelta(hours=1)
MOST_LETTERS = 2_048
MOST_DIGITS = 6  # of a day
KEY_LETTERS = 32
KEY_DAYS = 7  # that the key of a clip opens it, the day it was made not counted
SAFE = {"GET", "HEAD", "OPTIONS"}  # methods that change nothing
ALLOWED = b"GET, HEAD, POST, PATCH, DELETE"
CROSS_ORIGIN = b"access-control-"
REFUSED = (
    "this came from another site, or does not say where from; send a listener's token as Authorization: Bearer, "
    "or ask from a page of this site"
)
# Gradio starts components from strings and inline scripts, and draws with blobs and data URLs.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors {frames}"
)
WITH_TOKENS = ("/api/listener", "/gradio_api/queue/", "/gradio_api/call/", "/gradio_api/run/")


@dataclass(frozen=True)
class Arrival:
    """Somebody who has only looked: when they came, and what was ``drawn`` for them, by kind, in plain data."""

    at: datetime
    drawn: Mapping[str, Sequence[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """A listener named by a token with a valid signature, of this generation of their tokens.

    ``arrival``: of somebody of whom nothing was stored when the token was given; ``new`` where nothing is even now, as
    far as was known some seconds ago.
    """

    listener_id: uuid.UUID
    generation: int = 0
    arrival: Arrival | None = None
    new: bool = False


@dataclass(frozen=True)
class LinkClaim:
    """A listener named by a link that is not too old; it works where ``link_id`` is the one that they made last."""

    listener_id: uuid.UUID
    link_id: uuid.UUID


class Identity:
    """Signs with the first of its secrets, and reads what any of them has signed: so secrets can be changed."""

    def __init__(self, *secrets: str) -> None:
        self._secrets = secrets
        oldest_first = list(reversed(secrets))
        self._lasting = URLSafeSerializer(oldest_first, salt="kallos.listener")
        self._link = URLSafeTimedSerializer(oldest_first, salt="kallos.link")

    def token(self, listener_id: uuid.UUID, generation: int = 0) -> str:
        """The lasting token of a listener."""
        return self._lasting.dumps([listener_id.hex, generation] if generation else listener_id.hex)

    def token_of(self, claim: Claim) -> str:
        """The token that makes this claim."""
        if claim.arrival is None:
            return self.token(claim.listener_id, claim.generation)
        came = [claim.arrival.at.timestamp(), claim.arrival.drawn]
        return self._lasting.dumps([claim.listener_id.hex, claim.generation, *came])

    def link_token(self, listener_id: uuid.UUID, link_id: uuid.UUID) -> tuple[str, datetime]:
        """A token for another device and the moment from which it is refused."""
        return self._link.dumps([listener_id.hex, link_id.hex]), datetime.now(UTC) + LINK_AGE

    def read(self, token: str) -> Claim | None:
        """Whose token it is; None where it is forged or malformed."""
        given = _loaded(token, self._lasting.loads)
        try:
            if isinstance(given, str):
                return Claim(uuid.UUID(hex=given))
            listener_id, generation, *came = given
            arrival = Arrival(datetime.fromtimestamp(came[0], UTC), came[1]) if came else None
            return Claim(uuid.UUID(hex=listener_id), int(generation), arrival)
        except (ValueError, TypeError, AttributeError):
            return None

    def read_link(self, token: str) -> LinkClaim | None:
        """Whose link it is; None where it is forged, expired or malformed."""
        given = _loaded(token, lambda text: self._link.loads(text, max_age=int(LINK_AGE.total_seconds())))
        try:
            listener_id, link_id = given
            return LinkClaim(uuid.UUID(hex=listener_id), uuid.UUID(hex=link_id))
        except (ValueError, TypeError, AttributeError):
            return None

    def key_of(self, clip_id: uuid.UUID) -> str:
        """What opens the sound of a clip without its listener's token, in its address, for ``KEY_DAYS``."""
        last_day = _today() + KEY_DAYS
        return f"{last_day}.{self.signature(_opening(clip_id, last_day))[:KEY_LETTERS]}"

    def opens(self, clip_id: uuid.UUID, key: str) -> bool:
        """Whether ``key`` is this clip's, and not too old."""
        day, _, signed = key.partition(".")
        if not key.isascii() or not day.isdecimal() or len(day) > MOST_DIGITS or int(day) < _today():
            return False
        known = (_signature(secret, _opening(clip_id, int(day)))[:KEY_LETTERS] for secret in self._secrets)
        return any(hmac.compare_digest(each, signed) for each in known)

    def signature(self, text: bytes) -> str:
        """What proves that ``text`` was written here."""
        return _signature(self._secrets[0], text)

    def wrote(self, text: bytes, signature: object) -> bool:
        """Whether ``text`` was written here, by this signature of it."""
        if not isinstance(signature, str) or not signature.isascii():
            return False
        return any(hmac.compare_digest(_signature(secret, text), signature) for secret in self._secrets)


def given_token(request: HTTPConnection) -> str | None:
    """The token of a request: the Bearer token where one is given (the page chose it), or else the cookie's."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else request.cookies.get(COOKIE)


def is_https(request: HTTPConnection) -> bool:
    """Whether the listener's browser speaks https, also where a proxy ends it."""
    forwarded = request.headers.get("x-forwarded-proto", "").split(",")[0].strip().lower()
    return (forwarded or request.url.scheme) == "https"


def set_cookie(request: HTTPConnection, response: Response, token: str) -> None:
    """Give the token as a cookie: partitioned and usable in a frame over https, Lax on plain http."""
    age = int(COOKIE_AGE.total_seconds())
    common = f"{COOKIE}={token}; Path={root_path(request.scope) or '/'}; Max-Age={age}; HttpOnly"
    # written by hand: Python 3.11's cookies know no Partitioned
    kind = "SameSite=None; Secure; Partitioned" if is_https(request) else "SameSite=Lax"
    response.headers.append("set-cookie", f"{common}; {kind}")


def clear_cookie(request: HTTPConnection, response: Response) -> None:
    """Make the browser forget the token."""
    kind = "SameSite=None; Secure; Partitioned" if is_https(request) else "SameSite=Lax"
    response.headers.append("set-cookie", f"{COOKIE}=; Path={_path(request)}; Max-Age=0; HttpOnly; {kind}")


def _path(request: HTTPConnection) -> str:
    """Where the cookie holds: below the path of a proxy nobody else's pages get it."""
    return root_path(request.scope) or "/"


def _loaded(token: str, load: Any) -> Any:
    if not token or len(token) > MOST_LETTERS:
        return None
    try:
        return load(token)
    except BadSignature:
        return None


def _opening(clip_id: uuid.UUID, last_day: int) -> bytes:
    return f"clip {clip_id} {last_day}".encode()


def _today() -> int:
    """Days since 1970, in UTC."""
    return datetime.now(UTC).toordinal() - datetime(1970, 1, 1, tzinfo=UTC).toordinal()


def _signature(secret: str, text: bytes) -> str:
    return hmac.new(f"kallos.export:{secret}".encode(), text, hashlib.sha256).hexdigest()


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


class SecurityHeaders:
    """Adds them; what an answer says itself stays. ``frame_ancestors``: which sites may show the pages in a frame."""

    def __init__(self, app: ASGIApp, frame_ancestors: str) -> None:
        self.app = app
        self._policy = POLICY.format(frames=frame_ancestors)
        self._frames = f"frame-ancestors {frame_ancestors}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                own = headers.get("content-security-policy")
                headers["Content-Security-Policy"] = f"{own}; {self._frames}" if own else self._policy
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "same-origin")
                if "set-cookie" in headers or scope["path"].startswith(WITH_TOKENS):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self.app(scope, receive, answered)
