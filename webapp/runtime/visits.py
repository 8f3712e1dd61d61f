"""When somebody last asked for something, in the web process that they asked.

What looks whether Kallos is well, again and again, is nobody.
"""

from __future__ import annotations

import math
import threading
import time

from starlette.types import ASGIApp, Receive, Scope, Send

NOBODY = {"/healthz", "/metrics", "/status"}  # which machines ask for, or a page by itself
QUIET_SECONDS = 60.0  # after which what waits for people looks less often


class Visits:
    """Safe between threads."""

    def __init__(self) -> None:
        self._newer = threading.Event()
        self._last = -math.inf

    def note(self) -> None:
        """Somebody is here."""
        self._last = time.monotonic()
        if not self._newer.is_set():
            self._newer.set()

    def age_s(self) -> float:
        """Seconds since the last visit; infinite before the first."""
        return time.monotonic() - self._last

    @property
    def quiet(self) -> bool:
        """Whether nobody has been here for a while."""
        return self.age_s() > QUIET_SECONDS

    def wait(self, seconds: float) -> None:
        """Until somebody is here who was not when this was last called, or so many seconds have passed."""
        self._newer.wait(seconds)
        self._newer.clear()

    def wake(self) -> None:
        """End a ``wait``."""
        self._newer.set()


class NoteVisits:
    """Notes each request that is not ``NOBODY``'s."""

    def __init__(self, app: ASGIApp, visits: Visits) -> None:
        self.app, self._visits = app, visits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        if scope["type"] == "http" and scope["path"] not in NOBODY:
            self._visits.note()
        await self.app(scope, receive, send)
