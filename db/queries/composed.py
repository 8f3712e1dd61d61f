"""Clips composed for one listener, and how fast listeners use up those for everybody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, select, union, update
from sqlalchemy.orm import Session

from db.queries.offers import FOUR_SIDES, clips_shown
from db.tables import OWN, WHOLE, Clip, ClipAudio, Four, Listener, Offer, Play


@dataclass(frozen=True)
class OwnClip:
    """When a clip was composed for a listener, of which kind it is, and whether they have voted on it."""

    composed_at: datetime
    kind: str
    met: bool


def own_clips(session: Session, listener_id: UUID) -> list[OwnClip]:
    """All clips composed for this listener's taste, oldest first."""
    met = Clip.id.in_(clips_shown(listener_id, state="voted"))
    query = (
        select(Clip.created_at, Clip.kind, met)
        .where(Clip.composed_for == listener_id, Clip.kind.in_(OWN))
        .order_by(Clip.created_at)
    )
    return [OwnClip(at, kind, bool(known)) for at, kind, known in session.execute(query)]


def count_own(session: Session, listener_id: UUID) -> int:
    """How many clips were composed for this listener's taste."""
    return session.scalars(select(func.count()).where(Clip.composed_for == listener_id, Clip.kind.in_(OWN))).one()


@dataclass(frozen=True)
class WholePiece:
    """A whole piece for a listener; ``seconds`` long. ``done``: what the listener did with it, as ``Play`` names it."""

    id: UUID
    domain: str
    recipe: dict[str, Any]
    seconds: float
    created_at: datetime
    done: Set[str]


def whole_pieces(session: Session, listener_id: UUID) -> list[WholePiece]:
    """The whole pieces composed for this listener, oldest first."""
    done: defaultdict[UUID, set[str]] = defaultdict(set)
    for clip_id, outcome in session.execute(select(Play.clip_id, Play.outcome).where(Play.listener_id == listener_id)):
        done[clip_id].add(outcome)
    query = (
        select(Clip.id, Clip.domain, Clip.recipe, ClipAudio.seconds, Clip.created_at)
        .join(ClipAudio, ClipAudio.clip_id == Clip.id)
        .where(Clip.composed_for == listener_id, Clip.kind == WHOLE, ~Clip.retired)
        .order_by(Clip.created_at, Clip.id)
    )
    return [
        WholePiece(clip_id, domain, recipe, seconds, created_at, frozenset(done[clip_id]))
        for clip_id, domain, recipe, seconds, created_at in session.execute(query)
    ]


def notes_of(session: Session, clip_ids: Collection[UUID]) -> dict[UUID, tuple[str, dict[str, Any]]]:
    """The kind of music and the notes of clips."""
    query = select(Clip.id, Clip.domain, Clip.notes).where(Clip.id.in_(clip_ids))
    return {clip_id: (domain, notes) for clip_id, domain, notes in session.execute(query)}


def recipes_of(session: Session, content_hash: str, listener_id: UUID) -> list[dict[str, Any]]:
    """Recipes of the clips of these notes that are everybody's or this listener's."""
    whose = or_(Clip.composed_for.is_(None), Clip.composed_for == listener_id)
    return list(session.scalars(select(Clip.recipe).where(Clip.content_hash == content_hash, whose)))


def sounds_in_use(session: Session, uris: Collection[str]) -> set[str]:
    """Those of ``uris`` under which some clip's sound lies."""
    return set(session.scalars(select(ClipAudio.uri).where(ClipAudio.uri.in_(uris))))


def most_met(session: Session, domain: str) -> int:
    """The largest number of everybody's clips that any listener of the last hour has met."""
    recent = func.now() - timedelta(hours=1)
    here = union(*(select(table.listener_id).where(table.created_at > recent) for table in (Offer, Four)))
    active = select(Listener.id).where(Listener.domain == domain, Listener.id.in_(here))
    shown = union(
        *(
            select(side.class_.listener_id.label("listener_id"), side.label("clip_id")).where(
                side.class_.listener_id.in_(active)
            )
            for side in (Offer.left_clip, Offer.right_clip, *FOUR_SIDES)
        )
    ).subquery()
    met = (
        select(func.count().label("met"))
        .select_from(shown)
        .join(Clip, Clip.id == shown.c.clip_id)
        .where(Clip.domain == domain, Clip.composed_for.is_(None))
        .group_by(shown.c.listener_id)
        .subquery()
    )
    return session.scalar(select(func.max(met.c.met))) or 0


def opened_since(session: Session, listener_id: UUID, *, since: datetime) -> UUID | None:
    """The first clip made for one listener's taste ``since`` then that they have opened."""
    theirs = and_(Clip.composed_for == listener_id, Clip.kind == "opened", Clip.created_at >= since)
    return session.scalars(select(Clip.id).where(theirs).order_by(Clip.created_at, Clip.id).limit(1)).one_or_none()


def first_unasked(session: Session, listener_id: UUID, *, since: datetime, kind: str) -> UUID | None:
    """Of the clips for one listener's taste made ``since`` then, the first that is in no pair or four of theirs.

    One of the ``kind`` goes before those that another job has made meanwhile.
    """
    theirs = and_(Clip.composed_for == listener_id, Clip.kind.in_(OWN), Clip.created_at >= since)
    query = select(Clip.id).where(theirs, Clip.id.not_in(clips_shown(listener_id)))
    return session.scalars(query.order_by(Clip.kind != kind, Clip.created_at, Clip.id).limit(1)).one_or_none()


def open_gift(session: Session, clip_id: UUID) -> bool:
    """Let a clip for one listener's taste stand in no blind test, since they know it. Whether it could."""
    unknown = Clip.kind.in_(("composed", "surprise", "near", "tension"))
    change = update(Clip).where(Clip.id == clip_id, unknown).values(kind="opened").returning(Clip.id)
    return session.scalar(change) is not None
