"""Pieces in a listener's studio: brought as a file, or composed there from others by a recipe."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, Clock, NewId
from db.tables.listeners import ANY_DOMAIN_CHECK


class StudioPiece(Base):
    """``notes``, ``latents``: JSON of the piece and of what it was decoded from (of a file: what it was encoded to).

    ``recipe``: ``{content, toward: {source, strength} or null, styles: {group: {source, strength}}, turned: {group:
    SD}, keep, locks: {bars, melody, harmony, rhythm}, seed}``, empty for a file; older ones lack some. Each source is
    ``clips/ID`` or ``pieces/ID``. Whoever knows ``link_key`` may open the piece; without one nobody else can. Of a
    picture ``notes`` are empty, and ``image`` is its PNG in base64, since only the model that drew it could draw it
    again. One that is older than this column, or came with a stranger's file, has none.
    """

    __tablename__ = "studio_pieces"
    __table_args__ = (
        CheckConstraint(ANY_DOMAIN_CHECK, name="domain_is_known"),
        CheckConstraint("char_length(title) <= 120", name="title_is_short"),
        CheckConstraint("image IS NULL OR domain = 'pictures'", name="music_has_no_image"),
        Index("ix_studio_pieces_listener_id_created_at", "listener_id", "created_at"),
    )

    id: Mapped[NewId]
    listener_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("listeners.id", ondelete="CASCADE"))
    domain: Mapped[str]
    title: Mapped[str]
    recipe: Mapped[dict[str, Any]]
    notes: Mapped[dict[str, Any]]
    latents: Mapped[dict[str, Any]]
    model_version: Mapped[str]
    image: Mapped[str | None]
    link_key: Mapped[str | None] = mapped_column(unique=True)
    created_at: Mapped[Clock]
