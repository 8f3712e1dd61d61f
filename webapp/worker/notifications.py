"""What other processes tell the workers of this one: that a job was left, that somebody has asked for something."""

from __future__ import annotations

import logging
import math
import threading
import time

from sqlalchemy.exc import DBAPIError

from db.embedded import EmbeddedPostgresError
from db.queries.jobs import JOBS, VISITS, SilentError, listen
from webapp.runtime.database import Database

log = logging.getLogger(__name__)
RETRY_SECONDS = 2.0


class Notifications:
    """Listens in a thread of its own from ``start`` on; ``listening`` says whether it hears anything at the moment."""

    def __init__(self, database: Database) -> None:
        self.listening = False
        self._database = database
        self._changed = threading.Condition()
        self._count = 0
        self._visited = -math.inf
        self._ended = threading.Event()
        self.thread = threading.Thread(target=self._listen_forever, name="notifications", daemon=True)

    def start(self) -> None:
        """Listen until ``stop``."""
        self.thread.start()

    def stop(self) -> None:
        """Wake everybody who waits; nothing more comes."""
        self._ended.set()
        self.take("")

    def take(self, channel: str) -> None:
        """One has come."""
        with self._changed:
            self._count += 1
            if channel == VISITS:
                self._visited = time.monotonic()
            self._changed.notify_all()

    def wait(self, seen: int, seconds: float) -> int:
        """Wait until there are more than ``seen``, or so many seconds have passed; how many there are then."""
        with self._changed:
            self._changed.wait_for(lambda: self._count > seen or self._ended.is_set(), seconds)
            return self._count

    def visited_s(self) -> float:
        """Seconds since somebody is known to have asked for something; infinite where nobody has."""
        return time.monotonic() - self._visited

    def _listen_forever(self) -> None:
        while not self._ended.is_set():
            try:
                for channel in listen(self._database.engine, (JOBS, VISITS)):
                    if self._ended.is_set():
                        return
                    if channel or not self.listening:  # something may have been missed before
                        self.listening = True
                        self.take(channel)
            except (SilentError, DBAPIError, EmbeddedPostgresError) as error:
                log.info("notifications_lost error=%s", error)
            self.listening = False
            self._ended.wait(RETRY_SECONDS)
