"""Rewind: back to the head as it was after an earlier vote. What came after it is undone for good."""

from __future__ import annotations

import logging
import uuid
from typing import Any

from sqlalchemy.orm import Session

from db.queries import listeners as listener_rows
from db.queries import rewind as rows
from db.queries import votes as vote_rows
from models.taste.space import TasteSpace
from webapp.learning import refits
from webapp.runtime.clip_store import ClipStore
from webapp.runtime.database import Database
from webapp.runtime.errors import NotAllowed, UnknownListenerError
from webapp.runtime.journal import Journal

log = logging.getLogger(__name__)


def history(database: Database, listener_id: uuid.UUID, *, before: int, limit: int) -> dict[str, Any]:
    """``{total, votes: [{number, outcome, at}]}``: votes below number ``before``, newest first."""

    def work(session: Session) -> dict[str, Any]:
        if listener_rows.get_listener(session, listener_id) is None:
            raise UnknownListenerError
        votes = rows.numbered_votes(session, listener_id, before=before, limit=limit)
        return {
            "total": rows.count_votes(session, listener_id),
            "votes": [{"number": vote.number, "outcome": vote.outcome, "at": vote.created_at} for vote in votes],
        }

    return database.transaction(work)


def rewind(
    database: Database, journal: Journal, clip_store: ClipStore, space: TasteSpace, listener_id: uuid.UUID, keep: int
) -> dict[str, int]:
    """Undo every vote but the first ``keep``: ``{votes, picks, undone}`` as it is then.

    Votes, their offers, what was learned from them and the clips composed since the first of them are gone, from the
    journal too. Raises ``NotAllowed`` where there are fewer votes.
    """

    def work(session: Session) -> dict[str, int]:
        listener = listener_rows.lock_listener(session, listener_id)
        if listener is None:
            raise UnknownListenerError
        total = rows.count_votes(session, listener_id)
        if keep > total:
            raise NotAllowed(f"{keep} votes can't be kept, there are {total}; give a number from 0 to {total}")
        if keep < total:
            sound = rows.rewind_votes(session, listener_id, keep)
            if keep:
                refits.refit(session, space, listener_id)
            else:
                listener.population_id = None  # the next first vote begins anew
            for key in sound:
                clip_store.delete(key)
            journal.append(session, listener_id, whole=True)
        return {"votes": keep, "picks": vote_rows.count_picks(session, listener_id), "undone": total - keep}

    def forget(session: Session) -> None:
        if listener_rows.lock_listener(session, listener_id) is not None:
            journal.segment(listener_id).forget_the_past()

    result = database.transaction(work)
    if result["undone"]:
        database.transaction(forget)  # only now is the new beginning in the journal sure to hold
    log.info("rewound listener=%s votes=%d undone=%d", listener_id, result["votes"], result["undone"])
    return result
