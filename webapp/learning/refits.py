"""After a change of model: clips are encoded by the new one, from their notes, and heads are learned again.

Clips of an older model carry latents of their own version: votes on them count once those clips are encoded by the new
one and are left out until then. So a head that was learned meanwhile knows fewer votes than it could, and is learned
again from all its votes. Heads of other models go: should one of these come back, votes will have been given that they
don't know. Heads of music and of pictures are refitted alike, each in its own taste space.

Until a clip is encoded it is offered no more. A clip that is offered no more anyway is encoded where somebody was asked
about it. One that the new model can't read is marked as unreadable by that model, so that it is tried once, and again
by the next.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import heads as rows
from db.queries import jobs
from db.queries import listeners as listener_rows
from db.queries.listeners import lock_listener
from db.queries.votes import has_voted
from models.style.latents import Latents
from models.taste.space import TasteSpace, summary
from webapp.generation.protocol import BadRequest
from webapp.generation.remote import RemoteGenerator
from webapp.learning import heads
from webapp.runtime.database import Database
from webapp.runtime.journal import Journal

log = logging.getLogger(__name__)

KIND = "refit_heads"
ENCODING = "encode_clips"
CLIPS_A_JOB = 16
PRIORITY = 5  # before new clips, after what somebody waits for


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


def older_clips(session: Session, version: str, limit: int) -> list[uuid.UUID]:
    """Clips whose latents are another model's and that are offered or were in any pair or four, newest first."""
    return clip_rows.older_clips(session, [version, unreadable_by(version)], limit=limit)


def unreadable_by(version: str) -> str:
    """What stands in place of a clip's model where this one can't read its notes."""
    return f"unreadable by {version}"


def leave_encoding(session: Session, version: str) -> bool:
    """Leave a job where any clip is of another model; whether one was left."""
    if not older_clips(session, version, 1):
        return False
    return jobs.enqueue(session, ENCODING, {"version": version}, dedupe_key=ENCODING, priority=PRIORITY) is not None


def encode_clips(
    database: Database, journal: Journal, generation: RemoteGenerator, space: TasteSpace
) -> dict[str, Any]:
    """Encode some clips; one that the new model can't read is retired. Raises ``GenerationError``."""
    version = space.version
    found = database.transaction(lambda session: older_clips(session, version, CLIPS_A_JOB))
    encoded = retired = 0
    for clip_id in found:
        notes = database.transaction(partial(clip_rows.notes_of, clip_id=clip_id))
        if notes is None:  # its listener was deleted
            continue
        values: dict[str, Any] = {"retired": True, "model_version": unreadable_by(version)}
        try:
            answer = generation.encode(notes)
        except BadRequest as error:
            log.warning("clip_retired clip=%s error=%s", clip_id, error)
            retired += 1
        else:
            if answer.model_version != version:
                raise ValueError(f"the generator encodes with {answer.model_version}, taste is learned in {version}")
            latents = Latents.from_json(answer.latents)
            values = {"latents": answer.latents, "summary": summary(latents), "model_version": version}
            encoded += 1
        database.transaction(partial(_change, journal=journal, clip_id=clip_id, values=values))
    log.info("clips_encoded clips=%d retired=%d version=%s", encoded, retired, version)
    return {"encoded": encoded, "retired": retired}


def _change(session: Session, journal: Journal, clip_id: uuid.UUID, values: dict[str, Any]) -> None:
    _, owner = clip_rows.owner_of(session, clip_id)
    if owner is not None:
        lock_listener(session, owner)
    clip_rows.change_clip(session, clip_id, values)
    journal.keep_clip(session, clip_id)
