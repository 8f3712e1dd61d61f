"""One clip of what a listener asked for is handed over, as a gift that is opened; it stands in no blind test.

The others are met blind among their pairs, so that it can be found out whether they are any better.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import composed as rows
from db.queries import jobs
from db.queries import listeners as listener_rows
from webapp.composing import wishes
from webapp.runtime.database import Database
from webapp.runtime.errors import NotReady
from webapp.runtime.journal import Journal


@dataclass(frozen=True)
class HandedOver:
    """How far the wish is; once it is done, the clip, how long it plays, by which wish it was made.

    ``picture``: whether the clip is one.
    """

    state: str
    progress: wishes.Progress | None = None
    clip_id: uuid.UUID | None = None
    seconds: float = 0.0
    mode: wishes.Mode = "careful"
    picture: bool = False


def hand_over(database: Database, journal: Journal, listener_id: uuid.UUID) -> HandedOver:
    """The best clip of the listener's last wish where it is composed, always the same one, or else how far it is.

    Raises ``NotReady`` where composing failed, where nothing was asked for, and where every clip of it waits in a pair
    that is open already.
    """

    def work(session: Session) -> HandedOver:
        job = jobs.newest_of(session, wishes.key_of(listener_id, asked=True))
        if job is None or job.state == "failed":
            raise NotReady("nothing could be composed just now; nothing is lost, ask again in a moment")
        if job.state != "done":
            told: dict[str, Any] | None = job.result if job.state == "running" else None
            return HandedOver(job.state, wishes.Progress.model_validate(told) if told else None)
        listener_rows.lock_listener(session, listener_id)  # no pair may take the clip meanwhile
        clip = rows.opened_since(session, listener_id, since=job.created_at)
        if clip is None:
            wanted = wishes.wish_of(job.payload).kind
            clip = rows.first_unasked(session, listener_id, since=job.created_at, kind=wanted)
        if clip is None:
            raise NotReady("what was composed for you waits in your next pairs; vote on those, then ask again")
        if rows.open_gift(session, clip):
            journal.append(session, listener_id, clips=[clip])
        seconds = max(clip_rows.audio_lengths(session, clip), default=0.0)
        picture = bool(clip_rows.pictures_among(session, [clip]))
        mode = wishes.wish_of(job.payload).mode
        return HandedOver(job.state, clip_id=clip, seconds=seconds, mode=mode, picture=picture)

    return database.transaction(work)
