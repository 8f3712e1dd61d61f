"""What became of the whole pieces that listeners played."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.tables import WHOLE, Clip, Play


def is_whole_piece_of(session: Session, clip_id: UUID, listener_id: UUID) -> bool:
    """Whether this is a whole piece that was composed for the listener."""
    theirs = (Clip.id == clip_id, Clip.composed_for == listener_id, Clip.kind == WHOLE)
    return bool(session.scalar(select(exists().where(*theirs))))


def judged(session: Session, listener_id: UUID, *, domain: str, least_ms: int) -> list[tuple[UUID, bool]]:
    """Pieces of a domain with whether they were heard out or kept, or else skipped; in the order of the last of it.

    What sounded for less than ``least_ms`` tells nothing, unless it was kept.
    """
    told = or_(Play.outcome == "kept", and_(Play.outcome.in_(("heard_out", "skipped")), Play.heard_ms >= least_ms))
    query = (
        select(Play.clip_id, func.bool_or(Play.outcome != "skipped"))
        .join(Clip, Clip.id == Play.clip_id)
        .where(Play.listener_id == listener_id, Clip.domain == domain, told)
        .group_by(Play.clip_id)
        .order_by(func.max(Play.created_at), Play.clip_id)
    )
    return [(clip_id, to_the_end) for clip_id, to_the_end in session.execute(query)]


def add_play(session: Session, *, listener_id: UUID, clip_id: UUID, outcome: str, heard_ms: int) -> UUID | None:
    """Store one; None where a piece is begun or kept that was so before."""
    values = {"listener_id": listener_id, "clip_id": clip_id, "outcome": outcome, "heard_ms": heard_ms}
    return session.scalar(insert(Play).values(values).on_conflict_do_nothing().returning(Play.id))
