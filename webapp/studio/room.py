"""How much the studio takes: pieces a minute and in all of one listener, and slow requests at once of everybody."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from db.queries import listeners as listener_rows
from db.queries import studio as rows
from webapp.composing.sources import PIECES
from webapp.generation.protocol import EncodeResult
from webapp.runtime.database import Database
from webapp.runtime.errors import NotReady, TooMany, UnknownListenerError
from webapp.runtime.journal import Journal

MOST_A_MINUTE = 40
KEPT_PIECES = 200  # of each listener; pieces with a link stay beyond it
TITLE_LENGTH = 80
AT_ONCE = 6  # requests that may wait for a renderer or a composer: votes need the other threads

_places = threading.BoundedSemaphore(AT_ONCE)


@contextmanager
def place() -> Iterator[None]:
    """One of the few places for slow work; raises ``NotReady`` where all are taken."""
    if not _places.acquire(blocking=False):
        raise NotReady("the studio is busy with other pieces; nothing is lost, try again in a second")
    try:
        yield
    finally:
        _places.release()


def check_rate(session: Session, listener_id: uuid.UUID, more: int = 1) -> None:
    """Raises ``TooMany`` where the listener would have more than ``MOST_A_MINUTE`` new pieces within a minute."""
    if listener_rows.get_listener(session, listener_id) is None:
        raise UnknownListenerError
    made = rows.count_recent(session, listener_id, timedelta(minutes=1))
    if made + more > MOST_A_MINUTE:
        raise TooMany(
            f"{made} pieces were made in your studio within a minute; {MOST_A_MINUTE} are allowed, wait a bit"
        )


def keep(session: Session, journal: Journal, listener_id: uuid.UUID, **fields: Any) -> str:
    """Store a piece (``fields`` of ``add_piece``) and tell its name; the oldest go where there are too many.

    The listener is locked from then on. Raises ``NotWritten`` as the journal does.
    """
    piece = rows.add_piece(session, listener_id, **fields)
    gone = rows.thin_out(session, listener_id, KEPT_PIECES)
    journal.append(session, listener_id, pieces=[piece.id], gone=gone)
    return f"{PIECES}/{piece.id}"


def keep_heard(
    database: Database, journal: Journal, listener_id: uuid.UUID, domain: str, title: str, heard: EncodeResult
) -> str:
    """Store a piece that was brought, as the generator has heard it, and tell its name; raises as ``keep`` does."""

    def store(session: Session) -> str:
        return keep(
            session,
            journal,
            listener_id,
            domain=domain,
            title=title[:TITLE_LENGTH],
            recipe={},
            notes=heard.notes,
            latents=heard.latents,
            model_version=heard.model_version,
        )

    return database.transaction(store)
