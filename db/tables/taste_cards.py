"""Cards: a listener's taste as it was when they shared it, open to whoever has the link until it is withdrawn."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, Clock, NewId


class TasteCard(Base):
    """``about``: what the card says; its picture is drawn from that when it is asked for.

    The row goes when the link is withdrawn, the clip goes or the listener goes: then nothing of it is left.
    """

    __tablename__ = "taste_cards"
    __table_args__ = (
        CheckConstraint("seconds > 0", name="seconds_positive"),
        CheckConstraint("char_length(link_key) >= 16", name="link_key_is_long"),
        Index("ix_taste_cards_listener_id_created_at", "listener_id", "created_at"),
        Index("ix_taste_cards_clip_id", "clip_id"),
    )

    id: Mapped[NewId]
    listener_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("listeners.id", ondelete="CASCADE"))
    clip_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clips.id", ondelete="CASCADE"))
    seconds: Mapped[float]
    about: Mapped[dict[str, Any]]
    link_key: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[Clock]
