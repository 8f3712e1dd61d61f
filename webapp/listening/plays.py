"""What became of a whole piece: begun, heard out, skipped after a while, kept. It is stored apart from votes.

What it tells when music is composed is read in ``webapp.learning.heads``; the head of the votes stays as it is.
"""

from __future__ import annotations

import uuid
from typing import Literal

from sqlalchemy.orm import Session

from db.queries import composed
from db.queries import listeners as listener_rows
from webapp.runtime.database import Database
from webapp.runtime.errors import NotYours, UnknownListenerError
from webapp.runtime.journal import Journal

PlayOutcome = Literal["begun", "heard_out", "skipped", "kept"]


def record(
    database: Database,
    journal: Journal,
    listener_id: uuid.UUID,
    clip_id: uuid.UUID,
    *,
    outcome: PlayOutcome,
    heard_ms: int,
) -> None:
    """Store what became of a piece that sounded for ``heard_ms``; what is begun or kept again is stored once.

    Raises ``UnknownListenerError``, and ``NotYours`` for what is no whole piece of theirs.
    """

    def work(session: Session) -> None:
        if listener_rows.lock_listener(session, listener_id) is None:
            raise UnknownListenerError
        if not composed.is_whole_piece_of(session, clip_id, listener_id):
            raise NotYours(f"there is no whole piece {clip_id} of yours; the page “Whole pieces” lists them")
        play = composed.add_play(session, listener_id=listener_id, clip_id=clip_id, outcome=outcome, heard_ms=heard_ms)
        if play is not None:
            journal.append(session, listener_id, plays=[play])

    database.transaction(work)
