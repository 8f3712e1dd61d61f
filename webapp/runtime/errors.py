"""What a service answers instead of a result: what was given, what is allowed, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

OUR_MISTAKE = "something went wrong on our side; it is in the log"
PARTS = {"body", "path", "query"}  # of a request, which whoever made it need not know
NO_ROOM = "there is no room left on this server's disk, so nothing more is stored; tell whoever runs it"


class Problem(Exception):  # noqa: N818 (an answer with a status, more than an error)
    """A request that can't be done; ``status`` is its HTTP status and the text is written for people."""

    status = 400
    code: str | None = None  # for programs, where a status says too little
    retry_after_s: int | None = None


class NotYours(Problem):
    """There is no such thing, or it is another listener's; the two look the same from outside."""

    status = 404


class UnknownListenerError(NotYours):
    """No listener has this id (any more)."""

    code = "unknown_listener"

    def __init__(self, text: str = "this listener is not known; GET /api/listener gives a new one") -> None:
        super().__init__(text)


class NoListener(Problem):
    """The request names no listener."""

    status = 401
    code = "unknown_listener"


class InvalidToken(Problem):
    """The request's token names nobody here, or no longer: whoever sent it should keep it and ask the person."""

    status = 401
    code = "invalid_token"


class Contradiction(Problem):
    """The offer has another outcome already."""

    status = 409


class NotAllowed(Problem):
    """A value that is not among the allowed ones."""

    status = 422


class TooMany(Problem):
    """More requests than one listener needs."""

    status = 429
    retry_after_s = 10


class NotWritten(Problem):
    """The journal could not be written, so nothing was stored."""

    status = 503
    retry_after_s = 5


class NoRoom(Problem):
    """The disk is full, so nothing was stored; waiting does not help."""

    status = 507

    def __init__(self) -> None:
        super().__init__(NO_ROOM)


class NotReady(Problem):
    """Nothing to play yet; the first clips are being composed."""

    status = 503
    retry_after_s = 1


class Overdue(NotReady):
    """It took longer than it may and was given up: asked for again at once it would take as long."""

    status = 504
    retry_after_s = 60


class OurMistake(Problem):
    """Nobody expected this; what it was stands in the log."""

    status = 500

    def __init__(self) -> None:
        super().__init__(OUR_MISTAKE)


class NobodyWaits(Problem):
    """Whoever asked has left: nobody reads this, and nothing more is done for them."""

    status = 499

    def __init__(self) -> None:
        super().__init__("this was given up before it was done")


def in_words(errors: Iterable[Mapping[str, Any]]) -> str:
    """Pydantic's errors as one line: which value, what is allowed, and what was given."""
    return "; ".join(_in_words(error) for error in errors)


def _in_words(error: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"] if part not in PARTS) or "body"
    given = error.get("input")
    shown = f" (given: {str(given)[:80]!r})" if isinstance(given, str | int | float | bool) else ""
    return f"{where}: {error['msg'].removeprefix('Value error, ')}{shown}"
