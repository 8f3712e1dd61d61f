"""Refitting: a head is learned again from all its votes where the taste space's version is new to its listener.

Clips of an older model carry latents of their own version: votes on them count once those clips are encoded by the new
one and are left out until then. So a head that was learned meanwhile knows fewer votes than it could, and is learned
again too. Heads of other models go: should one of these come back, votes will have been given that they don't know.
Heads of music and of pictures are refitted alike, each in its own taste space.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Sequence
from functools import partial
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


def leave_job(session: Session, spaces: Sequence[TasteSpace]) -> bool:
    """Leave a job where any head in these spaces is to be fitted; whether one was left."""
    if not any(_waiting(session, space) for space in spaces):
        return False
    return jobs.enqueue(session, KIND, {}, dedupe_key=KIND) is not None


def refit_heads(database: Database, spaces: Iterable[TasteSpace]) -> dict[str, Any]:
    """Fit every head that is to be; each in a transaction of its own."""
    fitted = 0
    for space in spaces:
        for listener_id in sorted(database.transaction(partial(_waiting, space=space))):
            fitted += database.transaction(partial(refit, spaces=[space], listener_id=listener_id))
    log.info("heads_refitted heads=%d", fitted)
    return {"heads": fitted}


def refit(session: Session, spaces: Iterable[TasteSpace], listener_id: uuid.UUID) -> bool:
    """Learn one listener's heads in these spaces from all votes; whether there was such a listener.

    Where no vote is left the next first one begins anew.
    """
    listener = listener_rows.lock_listener(session, listener_id)
    if listener is None:
        return False
    for space in spaces:
        if has_voted(session, listener_id, pictures=space.of_pictures):
            heads.save(session, listener_id, heads.learned(session, listener, space))
        else:
            listener.begin_at(None, pictures=space.of_pictures)
        rows.delete_heads(session, listener_id, but=space.version, pictures=space.of_pictures)
    return True


def _waiting(session: Session, space: TasteSpace) -> set[uuid.UUID]:
    unknown = rows.without_head(session, space.version, pictures=space.of_pictures)
    return {*unknown, *rows.heads_behind(session, space.version)}
