"""Listeners: made without a name, exported as they are stored, deleted whole."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import delete, exists, inspect, select, update
from sqlalchemy.orm import Session, aliased

from db.tables import (
    DEFAULT_STUDY,
    Base,
    Clip,
    ClipAudio,
    Job,
    Listener,
    Listening,
    Offer,
    Prediction,
    StoredHead,
    StudioPiece,
    Vote,
)

EXPORT_SCHEMA = 1


def create_listener(
    session: Session, *, domain: str = "pop", study_id: str = DEFAULT_STUDY, condition: str = "default"
) -> Listener:
    """A new anonymous listener, already in the database."""
    listener = Listener(domain=domain, study_id=study_id, condition=condition)
    session.add(listener)
    session.flush()
    return listener


def get_listener(session: Session, listener_id: UUID) -> Listener | None:
    """The listener, or None where they never were or have been deleted."""
    return session.get(Listener, listener_id)


def lock_listener(session: Session, listener_id: UUID) -> Listener | None:
    """The listener, theirs alone until the transaction ends: whoever else locks them waits.

    Whatever reads and then writes one listener's rows (making offers, taking a vote, updating the head) starts with it.
    """
    query = select(Listener).where(Listener.id == listener_id).with_for_update(key_share=True)
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def set_domain(session: Session, listener_id: UUID, domain: str) -> bool:
    """What the next new offers are drawn from; whether there is such a listener."""
    change = update(Listener).where(Listener.id == listener_id).values(domain=domain).returning(Listener.id)
    return session.scalars(change).one_or_none() is not None


def delete_listener(session: Session, listener_id: UUID) -> list[str] | None:
    """Delete everything that is theirs; None where there is no such listener.

    Gives the URIs of sound that no remaining clip uses: to be deleted from the clip store once this is committed.
    """
    if lock_listener(session, listener_id) is None:
        return None
    other, other_clip = aliased(ClipAudio), aliased(Clip)
    used_elsewhere = exists().where(
        other.uri == ClipAudio.uri,
        other.clip_id == other_clip.id,
        other_clip.composed_for.is_distinct_from(listener_id),
    )
    orphans = (
        select(ClipAudio.uri)
        .join(Clip, Clip.id == ClipAudio.clip_id)
        .where(Clip.composed_for == listener_id, ~used_elsewhere)
        .distinct()
    )
    uris = list(session.scalars(orphans))
    session.execute(delete(Listener).where(Listener.id == listener_id))
    session.expire_all()
    return uris


def export_listener(session: Session, listener_id: UUID) -> dict[str, Any] | None:
    """Everything that is stored about a listener, as JSON-ready values; None where there is no such listener.

    ``offers`` hold the two clips by id with prediction, vote and what was heard; ``composed`` are their clips
    and ``studio`` their pieces whole.
    """
    listener = get_listener(session, listener_id)
    if listener is None:
        return None
    offers = session.execute(
        select(Offer, Prediction, Vote, Listening)
        .outerjoin(Prediction, Prediction.offer_id == Offer.id)
        .outerjoin(Vote, Vote.offer_id == Offer.id)
        .outerjoin(Listening, Listening.offer_id == Offer.id)
        .where(Offer.listener_id == listener_id)
        .order_by(Offer.created_at, Offer.id)
    ).all()
    heads = session.scalars(select(StoredHead).where(StoredHead.listener_id == listener_id))
    composed = session.scalars(select(Clip).where(Clip.composed_for == listener_id).order_by(Clip.created_at, Clip.id))
    studio = session.scalars(
        select(StudioPiece).where(StudioPiece.listener_id == listener_id).order_by(StudioPiece.created_at)
    )
    jobs = session.scalars(select(Job).where(Job.listener_id == listener_id).order_by(Job.id))
    return {
        "kallos_listener": EXPORT_SCHEMA,
        "listener": _plain(listener),
        "offers": [
            _plain(offer)
            | {name: row and _plain(row) for name, row in (("prediction", said), ("vote", vote), ("listening", heard))}
            for offer, said, vote, heard in offers
        ],
        "heads": [_plain(head) for head in heads],
        "composed": [_plain(clip) for clip in composed],
        "studio": [_plain(piece) for piece in studio],
        "jobs": [_plain(job) for job in jobs],
    }


def _plain(row: Base) -> dict[str, Any]:
    """A row's columns as JSON knows them; bytes and vectors become lists of numbers."""
    return {column.key: _plain_value(getattr(row, column.key)) for column in inspect(type(row)).column_attrs}


def _plain_value(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return np.frombuffer(value, dtype="<f8").tolist()
    return value.tolist() if isinstance(value, np.ndarray) else value
