"""Whole pieces for one listener, one after the other: a page leaves a job for the next while the last one plays.

The worker's part is ``playing_on``.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from db.queries import composed as rows
from db.queries import jobs
from db.queries import listeners as listener_rows
from db.queries.composed import WholePiece
from webapp.composing import sources
from webapp.composing.wishes import ASKED_PRIORITY, require_room
from webapp.runtime.database import Database
from webapp.runtime.errors import Contradiction, TooMany, UnknownListenerError

KIND = "compose_whole"
MOST_A_DAY = 60


@dataclass(frozen=True)
class Programme:
    """The whole pieces of a listener, oldest first, and how the next one stands: none, waiting, running, failed."""

    pieces: Sequence[WholePiece]
    coming: str


def ask(database: Database, listener_id: uuid.UUID, clip_id: uuid.UUID | None = None) -> Programme:
    """Leave a job for one more piece in the music that the listener hears now; there is one at a time.

    With a ``clip_id`` it is that clip which is played on. Raises ``UnknownListenerError``, ``NotYours`` for a clip that
    is none of theirs, ``Contradiction`` where another piece is under way instead, and ``TooMany`` after ``MOST_A_DAY``.
    """

    def work(session: Session) -> Programme:
        listener = listener_rows.lock_listener(session, listener_id)
        if listener is None:
            raise UnknownListenerError
        since = datetime.now(UTC) - timedelta(days=1)
        made = sum(piece.created_at > since for piece in rows.whole_pieces(session, listener_id))
        if made >= MOST_A_DAY:
            raise TooMany(f"{made} pieces were composed for you since yesterday; play those again, and ask tomorrow")
        payload = {"domain": listener.domain}
        if clip_id is not None:
            source = sources.find(session, f"{sources.CLIPS}/{clip_id}", listener_id)
            payload = {"domain": source.domain, "clip": str(clip_id)}
        require_room(session, KIND, listener_id)
        key = f"{KIND}:{listener_id}"
        left = jobs.enqueue(session, KIND, payload, dedupe_key=key, listener_id=listener_id, priority=ASKED_PRIORITY)
        under_way = jobs.newest_of(session, key)
        if left is None and clip_id and under_way and under_way.payload.get("clip") != str(clip_id):
            raise Contradiction("another piece is being composed just now; ask again when it is there")
        return _programme(session, listener_id)

    return database.transaction(work)


def programme(database: Database, listener_id: uuid.UUID) -> Programme:
    """What there is, and how the next piece stands; raises ``UnknownListenerError``."""

    def work(session: Session) -> Programme:
        if listener_rows.get_listener(session, listener_id) is None:
            raise UnknownListenerError
        return _programme(session, listener_id)

    return database.transaction(work)


def _programme(session: Session, listener_id: uuid.UUID) -> Programme:
    job = jobs.newest_of(session, f"{KIND}:{listener_id}")
    coming = "none" if job is None or job.state == "done" else job.state
    return Programme(rows.whole_pieces(session, listener_id), coming)
