"""Who is asking: an anonymous listener, known by a signed token in a cookie or an ``Authorization: Bearer`` header.

A page in another site's frame may get no cookie, so the token travels both ways. A link token moves a listener to
another device; it is accepted wherever a listener's token is, until it expires.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from itsdangerous import BadSignature, URLSafeSerializer, URLSafeTimedSerializer
from starlette.requests import HTTPConnection
from starlette.responses import Response

COOKIE = "kallos_listener"
COOKIE_AGE = timedelta(days=400)  # the longest that browsers keep one
LINK_AGE = timedelta(hours=1)


@dataclass(frozen=True)
class Claim:
    """A listener named by a valid token; ``by_link`` says that it came from a link and a lasting one is due."""

    listener_id: uuid.UUID
    by_link: bool = False


class Identity:
    """Signs and reads tokens with one secret."""

    def __init__(self, secret: str) -> None:
        self._lasting = URLSafeSerializer(secret, salt="kallos.listener")
        self._link = URLSafeTimedSerializer(secret, salt="kallos.link")

    def token(self, listener_id: uuid.UUID) -> str:
        """The lasting token of a listener."""
        return self._lasting.dumps(listener_id.hex)

    def link_token(self, listener_id: uuid.UUID) -> tuple[str, datetime]:
        """A token for another device and the moment from which it is refused."""
        return self._link.dumps(listener_id.hex), datetime.now(UTC) + LINK_AGE

    def read(self, token: str) -> Claim | None:
        """Whose token it is; None where it is forged, expired or malformed."""
        if not token or len(token) > 512:
            return None
        try:
            return Claim(uuid.UUID(hex=self._lasting.loads(token)))
        except (BadSignature, ValueError, TypeError, AttributeError):
            pass
        try:
            return Claim(uuid.UUID(hex=self._link.loads(token, max_age=int(LINK_AGE.total_seconds()))), by_link=True)
        except (BadSignature, ValueError, TypeError, AttributeError):
            return None

    def claim(self, request: HTTPConnection) -> Claim | None:
        """The listener of a request: the Bearer token first (the page chose it), then the cookie."""
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        tokens = [bearer.strip()] if scheme.lower() == "bearer" else []
        tokens.append(request.cookies.get(COOKIE, ""))
        return next((claim for claim in map(self.read, tokens) if claim), None)


def is_https(request: HTTPConnection) -> bool:
    """Whether the listener's browser speaks https, also where a proxy ends it."""
    forwarded = request.headers.get("x-forwarded-proto", "").split(",")[0].strip().lower()
    return (forwarded or request.url.scheme) == "https"


def set_cookie(request: HTTPConnection, response: Response, token: str) -> None:
    """Give the token as a cookie: partitioned and usable in a frame over https, Lax on plain http."""
    age = int(COOKIE_AGE.total_seconds())
    common = f"{COOKIE}={token}; Path=/; Max-Age={age}; HttpOnly"
    # written by hand: Python 3.11's cookies know no Partitioned
    kind = "SameSite=None; Secure; Partitioned" if is_https(request) else "SameSite=Lax"
    response.headers.append("set-cookie", f"{common}; {kind}")


def clear_cookie(request: HTTPConnection, response: Response) -> None:
    """Make the browser forget the token."""
    kind = "SameSite=None; Secure; Partitioned" if is_https(request) else "SameSite=Lax"
    response.headers.append("set-cookie", f"{COOKIE}=; Path=/; Max-Age=0; HttpOnly; {kind}")
