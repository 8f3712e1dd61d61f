"""Populations: what the listeners of a study have in common, from which a newcomer's head begins."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, Clock, NewId


class StoredPopulation(Base):
    """One version of it, never changed; the newest one of a study is where a newcomer begins.

    Little-endian float64 bytes: ``mean`` ``(n,)``, ``factors`` ``(n, K)`` row by row and ``diagonal`` ``(n,)`` of
    tastes in the latent space of one model version. Without a study it came with a listener from another installation:
    it is kept for the head that began from it, and nobody else begins there. ``measured``: how well so many taste
    directions told votes that were held out, and what is common; None where it was not measured. ``effects``: by clip
    the effects for each fold of listeners; read only where it is asked for, since it may be long.
    """

    __tablename__ = "populations"
    __table_args__ = (
        CheckConstraint("octet_length(mean) > 0 AND octet_length(mean) % 8 = 0", name="mean_is_float64"),
        CheckConstraint("octet_length(diagonal) = octet_length(mean)", name="diagonal_is_like_the_mean"),
        CheckConstraint("octet_length(factors) % greatest(octet_length(mean), 1) = 0", name="factors_are_columns"),
        CheckConstraint("listeners > 0 AND votes >= 0", name="learned_from_somebody"),
        Index("ix_populations_study_id_model_version_created_at", "study_id", "model_version", "created_at"),
    )

    id: Mapped[NewId]
    study_id: Mapped[str | None] = mapped_column(ForeignKey("studies.id"))
    model_version: Mapped[str]
    mean: Mapped[bytes]
    factors: Mapped[bytes]
    diagonal: Mapped[bytes]
    listeners: Mapped[int]
    votes: Mapped[int]
    measured: Mapped[dict[str, Any] | None]
    effects: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)
    created_at: Mapped[Clock]
