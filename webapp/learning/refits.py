"""Refitting: a head is learned again from all its votes where the taste space's version is new to its listener.

Clips of an older model carry latents of their own version: votes on them count once those clips are encoded by the new
one and are left out until then. So a head that was learned meanwhile knows fewer votes than it could, and is learned
again too. A head of pictures is learned from the votes wherever none is stored, and needs no job. Heads of other models
go: should one of these come back, votes will have been given that they don't know.
"""

from __future__ import annotations

import logging
import uuid
from typing import Any

from sqlalchemy.orm import Session

from db.queries import heads as rows
from db.queries import jobs
from db.queries import listeners as listener_rows
from db.queries.votes import has_voted
from models.taste.space import TasteSpace
from webapp.learning import heads
from webapp.runtime.database import Database

log = logging.getLogger(__name__)

KIND = "refit_heads"


def leave_job(session: Session, version: str) -> bool:
    """Leave a job where any head is to be fitted; whether one was left."""
    if not (rows.without_head(session, version) or rows.heads_behind(session, version)):
        return False
    return jobs.enqueue(session, KIND, {"version": version}, dedupe_key=KIND) is not None


def refit_heads(database: Database, space: TasteSpace) -> dict[str, Any]:
    """Fit every head that is to be; each listener in a transaction of their own."""
    version = space.version
    waiting = database.transaction(
        lambda session: {*rows.without_head(session, version), *rows.heads_behind(session, version)}
    )
    fitted = 0
    for listener_id in sorted(waiting):

        def work(session: Session, listener_id: uuid.UUID = listener_id) -> bool:
            return refit(session, space, listener_id)

        fitted += database.transaction(work)
    log.info("heads_refitted heads=%d", fitted)
    return {"heads": fitted}


def refit(session: Session, space: TasteSpace, listener_id: uuid.UUID) -> bool:
    """Learn one listener's head from all votes; whether there was such a listener."""
    listener = listener_rows.lock_listener(session, listener_id)
    if listener is None:
        return False
    if has_voted(session, listener_id, pictures=space.of_pictures):
        heads.save(session, listener_id, heads.learned(session, listener, space))
    rows.delete_heads(session, listener_id, but=space.version, pictures=space.of_pictures)
    return True
