"""What became of whole pieces that a listener played: begun, heard out, skipped, kept. These are no votes."""

from __future__ import annotations

import uuid

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, Clock, NewId

PLAY_OUTCOMES = ("begun", "heard_out", "skipped", "kept")
ONCE = "outcome IN ('begun', 'kept')"


class Play(Base):
    """One end of a piece's playing; or, once, that it was begun or kept. ``heard_ms``: how long it had sounded."""

    __tablename__ = "plays"
    __table_args__ = (
        CheckConstraint(f"outcome IN {PLAY_OUTCOMES}", name="outcome_is_known"),
        CheckConstraint("heard_ms >= 0", name="heard_not_negative"),
        Index("ix_plays_listener_id_created_at", "listener_id", "created_at"),
        Index("uq_plays_once", "listener_id", "clip_id", "outcome", unique=True, postgresql_where=text(ONCE)),
    )

    id: Mapped[NewId]
    listener_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("listeners.id", ondelete="CASCADE"))
    clip_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clips.id", ondelete="CASCADE"), index=True)
    outcome: Mapped[str]
    heard_ms: Mapped[int]
    created_at: Mapped[Clock]
