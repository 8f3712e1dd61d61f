"""Maps that have been drawn; the points lie as one Parquet file in the clip store under ``uri``."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from db.tables.base import Base, Clock, NewId


class DrawnMapRow(Base):
    """One map: the same model, data and seed draw the same one, which is stored once.

    ``about``: what is known about it, its quality among it. Rows stay when newer maps come, for links lead to them.
    """

    __tablename__ = "maps"
    __table_args__ = (
        CheckConstraint("kind IN ('clips', 'tunes', 'titles', 'joint', 'pictures')", name="kind_is_known"),
        CheckConstraint("points > 0", name="points_positive"),
        CheckConstraint("seed >= 0", name="seed_not_negative"),
        UniqueConstraint("kind", "model_version", "data_hash", "seed"),
        Index("ix_maps_kind_created_at", "kind", "created_at"),
    )

    id: Mapped[NewId]
    kind: Mapped[str]
    model_version: Mapped[str]
    data_hash: Mapped[str]
    seed: Mapped[int]
    points: Mapped[int]
    uri: Mapped[str]
    about: Mapped[dict[str, Any]]
    created_at: Mapped[Clock]
