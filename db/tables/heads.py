"""Heads: what each listener's votes have taught about their taste, as a Gaussian over the features' weights."""

from __future__ import annotations

import uuid

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, Clock


class StoredHead(Base):
    """A listener's head in the latent space of one model version.

    Little-endian float64 bytes: ``mean`` ``(n,)``, ``covariance`` ``(n, n)`` row by row, of the features' weights and
    then of how the listener answers. ``lapses`` and ``attentive``: pseudo-counts of votes that were coin tosses or not.
    It began from the listener's ``population_id``, or ``picture_population_id``, where that one is of the same model
    version.
    """

    __tablename__ = "heads"
    __table_args__ = (
        CheckConstraint("octet_length(mean) > 0 AND octet_length(mean) % 8 = 0", name="mean_is_float64"),
        CheckConstraint(
            "octet_length(covariance)::bigint * 8 = octet_length(mean)::bigint * octet_length(mean)",
            name="covariance_is_square",
        ),
        CheckConstraint("lapses >= 0 AND attentive > 0", name="lapses_are_a_share"),
        CheckConstraint("votes_seen >= 0", name="votes_seen_not_negative"),
    )

    listener_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("listeners.id", ondelete="CASCADE"), primary_key=True)
    model_version: Mapped[str] = mapped_column(primary_key=True)
    mean: Mapped[bytes]
    covariance: Mapped[bytes]
    lapses: Mapped[float]
    attentive: Mapped[float]
    votes_seen: Mapped[int]
    updated_at: Mapped[Clock]
