"""Heads: what each listener's votes have taught about their taste, as a Gaussian over the features' weights."""

from __future__ import annotations

import uuid

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, Clock


class StoredHead(Base):
    """A listener's head in the latent space of one model version.

    Little-endian float64 bytes: ``mean`` ``(F,)``, ``covariance`` ``(F + 1, F + 1)`` row by row, whose last row and
    column are those of the tie parameter ``tie``.
    """

    __tablename__ = "heads"
    __table_args__ = (
        CheckConstraint("octet_length(mean) > 0 AND octet_length(mean) % 8 = 0", name="mean_is_float64"),
        CheckConstraint(
            "octet_length(covariance)::bigint * 8 = (octet_length(mean)::bigint + 8) * (octet_length(mean) + 8)",
            name="covariance_is_square",
        ),
        CheckConstraint("votes_seen >= 0", name="votes_seen_not_negative"),
    )

    listener_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("listeners.id", ondelete="CASCADE"), primary_key=True)
    model_version: Mapped[str] = mapped_column(primary_key=True)
    mean: Mapped[bytes]
    covariance: Mapped[bytes]
    tie: Mapped[float]
    votes_seen: Mapped[int]
    updated_at: Mapped[Clock]
