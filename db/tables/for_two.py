"""Duets: two listeners who have agreed to hear music for both, and the pieces composed for them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, Clock, NewId
from db.tables.listeners import DOMAIN_CHECK


class Duet(Base):
    """The ``host`` made the link that ``link_key`` opens; it is agreed once somebody else, the ``guest``, has said yes.

    Deleting it ends it: with it goes what was composed, for both. A link that was used opens nothing any more.
    """

    __tablename__ = "duets"
    __table_args__ = (
        CheckConstraint("host_id <> guest_id", name="two_different_listeners"),
        CheckConstraint("(guest_id IS NULL) = (agreed_at IS NULL)", name="agreed_by_the_guest"),
        CheckConstraint("(guest_id IS NULL) = (link_key IS NOT NULL)", name="link_until_agreed"),
        Index(
            "uq_duets_unordered_pair",
            text("least(host_id, guest_id)"),
            text("greatest(host_id, guest_id)"),
            unique=True,
            postgresql_where=text("guest_id IS NOT NULL"),
        ),
    )

    id: Mapped[NewId]
    host_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("listeners.id", ondelete="CASCADE"), index=True)
    guest_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("listeners.id", ondelete="CASCADE"), index=True)
    link_key: Mapped[str | None] = mapped_column(unique=True)
    agreed_at: Mapped[datetime | None]
    created_at: Mapped[Clock]


class DuetPiece(Base):
    """A piece composed for both. ``for_host``, ``for_guest``: how likely each likes it better than a draw of the prior.

    Both chances are careful ones. ``notes``, ``latents``: JSON; the sound is made when it is asked for. ``mood``: its
    valence and arousal, None where nobody could judge.
    """

    __tablename__ = "duet_pieces"
    __table_args__ = (
        CheckConstraint(DOMAIN_CHECK, name="domain_is_known"),
        CheckConstraint("for_host > 0 AND for_host < 1", name="for_host_in_0_1"),
        CheckConstraint("for_guest > 0 AND for_guest < 1", name="for_guest_in_0_1"),
        UniqueConstraint("duet_id", "content_hash"),  # never the same piece twice
    )

    id: Mapped[NewId]
    duet_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("duets.id", ondelete="CASCADE"))
    domain: Mapped[str]
    notes: Mapped[dict[str, Any]]
    latents: Mapped[dict[str, Any]]
    recipe: Mapped[dict[str, Any]]
    for_host: Mapped[float]
    for_guest: Mapped[float]
    mood: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    model_version: Mapped[str]
    content_hash: Mapped[str]
    created_at: Mapped[Clock]
