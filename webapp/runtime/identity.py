"""Who is asking: an anonymous listener, known by a signed token in a cookie or an ``Authorization: Bearer`` header.

A page in another site's frame may get no cookie, so the token travels both ways. A token is of a generation: when its
listener signs out everywhere, a new one begins. A link token is no listener's token: it is exchanged for one, once.
The token of somebody of whom nothing is stored yet holds what there is: when they came, and what was drawn for them.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer, URLSafeTimedSerializer
from starlette.requests import HTTPConnection
from starlette.responses import Response

from webapp.runtime.root_path import root_path

COOKIE = "kallos_listener"
COOKIE_AGE = timedelta(days=400)  # the longest that browsers keep one
LINK_AGE = timedelta(hours=1)
MOST_LETTERS = 2_048
MOST_DIGITS = 6  # of a day
KEY_LETTERS = 32
KEY_DAYS = 7  # that the key of a clip opens it, the day it was made not counted


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
