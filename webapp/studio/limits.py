"""How much the studio takes: pieces a minute of one listener, and slow requests at once of everybody."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy.orm import Session

from db.queries import composed
from db.queries import listeners as listener_rows
from webapp.runtime.errors import NotReady, TooMany, UnknownListenerError

MOST_A_MINUTE = 40
AT_ONCE = 6  # requests that may wait for a renderer or a composer: votes need the other threads

_slots = threading.BoundedSemaphore(AT_ONCE)


@contextmanager
def slow_slot() -> Iterator[None]:
    """One of the few slots for slow work; raises ``NotReady`` where all are taken."""
    if not _slots.acquire(blocking=False):
        raise NotReady("the studio is busy with other pieces; nothing is lost, try again in a second")
    try:
        yield
    finally:
        _slots.release()


def check_rate(session: Session, listener_id: uuid.UUID, more: int = 1) -> None:
    """Raises ``TooMany`` where the listener would have more than ``MOST_A_MINUTE`` new pieces within a minute."""
    if listener_rows.get_listener(session, listener_id) is None:
        raise UnknownListenerError
    made = composed.count_recent(session, listener_id, timedelta(minutes=1))
    if made + more > MOST_A_MINUTE:
        raise TooMany(
            f"{made} pieces were made in your studio within a minute; {MOST_A_MINUTE} are allowed, wait a bit"
        )
