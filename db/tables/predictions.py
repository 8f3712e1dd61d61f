"""Predictions: what the head expected of a vote before it was cast. Their accuracy is the honest one."""

from __future__ import annotations

import uuid

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, Clock


class Prediction(Base):
    """The three probabilities of an offer's outcome under the head that had seen ``votes_seen`` votes.

    A vote refers to its prediction, so Postgres refuses a vote that was not predicted first.
    """

    __tablename__ = "predictions"
    __table_args__ = (
        CheckConstraint("p_left > 0 AND p_left <= 1", name="p_left_in_0_1"),
        CheckConstraint("p_equal > 0 AND p_equal <= 1", name="p_equal_in_0_1"),
        CheckConstraint("p_right > 0 AND p_right <= 1", name="p_right_in_0_1"),
        CheckConstraint("abs(p_left + p_equal + p_right - 1) < 1e-6", name="sums_to_1"),
        CheckConstraint("votes_seen >= 0", name="votes_seen_not_negative"),
        UniqueConstraint("offer_id", "made_at"),  # what a vote refers to
    )

    offer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("offers.id", ondelete="CASCADE"), primary_key=True)
    p_left: Mapped[float]
    p_equal: Mapped[float]
    p_right: Mapped[float]
    head_version: Mapped[str]
    votes_seen: Mapped[int]
    made_at: Mapped[Clock]
