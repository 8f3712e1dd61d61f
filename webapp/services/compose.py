"""Compose for me: latents searched for one listener's head, composed, and offered blind among their pairs.

Here is the web's part, which leaves a job and tells how it stands; the worker's part is ``composing.compose_for``.
"""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.queries import jobs
from db.queries import listeners as listener_rows
from db.queries.offers import clips_shown
from db.tables import OWN, Clip, Listener
from webapp.services.house import House
from webapp.services.problems import TooMany, UnknownListenerError

KIND = "compose_for"
FIRST_AT = 6  # picks, when the first clip made for a listener is to play
EARLY_AT = 4  # two pairs are always drawn ahead: a clip for the pair after the sixth pick is begun here
EVERY = 10
WAITING_AT_MOST = 12  # composed clips that the listener has not met yet
PRIORITY = 10  # somebody waits for it


def is_due(picks: int) -> bool:
    """Whether clips are composed unasked after this many picks."""
    return picks == EARLY_AT or (picks >= FIRST_AT and (picks - FIRST_AT) % EVERY == 0)


def enqueue(session: Session, listener: Listener, picks: int) -> int | None:
    """Leave a job for this listener; None where one waits or runs already."""
    payload = {"domain": listener.domain, "picks": picks}
    key = f"{KIND}:{listener.id}"
    return jobs.enqueue(session, KIND, payload, dedupe_key=key, listener_id=listener.id, priority=PRIORITY)


def ask(house: House, listener_id: uuid.UUID) -> dict[str, Any]:
    """Leave a job because the listener asked; the one that waits already where there is one. ``{job_id, state}``."""

    def work(session: Session) -> dict[str, Any]:
        listener = listener_rows.lock_listener(session, listener_id)
        if listener is None:
            raise UnknownListenerError("this listener is not known; GET /api/listener gives a new one")
        unmet = sum(not clip["met"] for clip in _composed(session, listener_id))
        if unmet >= WAITING_AT_MOST:
            raise TooMany(f"{unmet} clips made for you wait in your next pairs; listen to some before asking for more")
        enqueue(session, listener, 0)
        job = jobs.newest_job(session, KIND, listener_id)
        return {"job_id": job.id if job else None, "state": job.state if job else "waiting"}

    return house.database.transaction(work)


def state(house: House, listener_id: uuid.UUID) -> dict[str, Any]:
    """``{job_id, state, clips}``: the newest job (none, waiting, running, done or failed) and all composed clips.

    A clip is told by when it was composed and whether the listener has voted on it, not by its id: it is met blind.
    """

    def work(session: Session) -> dict[str, Any]:
        if listener_rows.get_listener(session, listener_id) is None:
            raise UnknownListenerError("this listener is not known; GET /api/listener gives a new one")
        job = jobs.newest_job(session, KIND, listener_id)
        return {
            "job_id": job.id if job else None,
            "state": job.state if job else "none",
            "clips": _composed(session, listener_id),
        }

    return house.database.transaction(work)


def _composed(session: Session, listener_id: uuid.UUID) -> list[dict[str, Any]]:
    met = Clip.id.in_(clips_shown(listener_id, state="voted"))
    query = (
        select(Clip.created_at, met)
        .where(Clip.composed_for == listener_id, Clip.kind.in_(OWN))
        .order_by(Clip.created_at)
    )
    return [{"composed_at": at.isoformat(), "met": bool(known)} for at, known in session.execute(query)]


def count(session: Session, listener_id: uuid.UUID) -> int:
    """How many clips were composed for this listener."""
    theirs = select(func.count()).where(Clip.composed_for == listener_id, Clip.kind.in_(OWN))
    return session.scalars(theirs).one()
