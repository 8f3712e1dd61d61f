"""What models heard in clips, kept so that each clip is heard once by each version of a model."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base


class HeardClip(Base):
    """A clip as one version of a model hears it: its surprise, or its mood.

    ``heard``: numbers by name; None for a clip that the model can't hear. It goes when the clip goes.
    """

    __tablename__ = "heard_clips"
    __table_args__ = (CheckConstraint("jsonb_typeof(heard) = 'object'", name="heard_is_an_object"),)

    clip_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clips.id", ondelete="CASCADE"), primary_key=True)
    model_version: Mapped[str] = mapped_column(primary_key=True)
    heard: Mapped[dict[str, Any] | None]
