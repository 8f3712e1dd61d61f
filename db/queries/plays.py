"""What became of the whole pieces that listeners played."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.tables import WHOLE, Clip, Play


def is_whole_piece_of(session: Session, clip_id: UUID, listener_id: UUID) -> bool:
    """Whether this is a whole piece that was composed for the listener."""
    theirs = (Clip.id == clip_id, Clip.composed_for == listener_id, Clip.kind == WHOLE)
    return bool(session.scalar(select(exists().where(*theirs))))


def add_play(session: Session, *, listener_id: UUID, clip_id: UUID, outcome: str, heard_ms: int) -> UUID | None:
    """Store one; None where a piece is begun or kept that was so before."""
    values = {"listener_id": listener_id, "clip_id": clip_id, "outcome": outcome, "heard_ms": heard_ms}
    return session.scalar(insert(Play).values(values).on_conflict_do_nothing().returning(Play.id))
