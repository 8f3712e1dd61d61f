"""After a change of model: the pool's clips are encoded by the new one, from their notes, which are the truth.

Until a clip is encoded it is offered no more and votes on it teach nothing; heads are fitted again when all are. A
clip that is offered no more anyway is encoded where somebody was asked about it. One that the new model can't read is
marked as unreadable by that model, so that it is tried once, and again by the next.
"""

from __future__ import annotations

import logging
import uuid
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import jobs
from db.queries.listeners import lock_listener
from models.style.latents import Latents
from models.taste.space import TasteSpace, summary
from webapp.generation.protocol import BadRequest
from webapp.generation.remote import RemoteGenerator
from webapp.runtime.database import Database
from webapp.runtime.journal import Journal

log = logging.getLogger(__name__)

KIND = "encode_clips"
CLIPS_A_JOB = 16
PRIORITY = 5  # before new clips, after what somebody waits for


def older_clips(session: Session, version: str, limit: int) -> list[uuid.UUID]:
    """Clips whose latents are another model's and that are offered or were in any pair or four, newest first."""
    return clip_rows.older_clips(session, [version, unreadable_by(version)], limit=limit)


def unreadable_by(version: str) -> str:
    """What stands in place of a clip's model where this one can't read its notes."""
    return f"unreadable by {version}"


def leave_job(session: Session, version: str) -> bool:
    """Leave a job where any clip is of another model; whether one was left."""
    if not older_clips(session, version, 1):
        return False
    return jobs.enqueue(session, KIND, {"version": version}, dedupe_key=KIND, priority=PRIORITY) is not None


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
