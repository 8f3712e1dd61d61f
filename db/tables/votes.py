"""Votes and what was heard before them: one vote an offer, by the listener it was offered to, after its prediction."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, Clock

OUTCOMES = ("left", "right", "equal", "neither", "skipped")
PICKS = ("left", "right", "equal")  # the outcomes that compare the clips
TRUST_CHECK = "trust IN ('heard', 'suspicious', 'unavailable', 'imported')"


class Vote(Base):
    """A listener's answer to an offer. ``predicted_at`` is the time of the prediction that it refers to.

    ``trust``: ``heard`` where what was said to be heard can be true, ``suspicious`` where it can't, ``unavailable``
    where nobody could check it, ``imported`` where it came with a stranger's file: such a vote stands in no study.
    """

    __tablename__ = "votes"
    __table_args__ = (
        CheckConstraint("outcome IN ('left', 'right', 'equal', 'neither', 'skipped')", name="outcome_is_known"),
        CheckConstraint(TRUST_CHECK, name="trust_is_known"),
        CheckConstraint("predicted_at <= created_at", name="predicted_before"),
        ForeignKeyConstraint(["offer_id", "listener_id"], ["offers.id", "offers.listener_id"], ondelete="CASCADE"),
        ForeignKeyConstraint(
            ["offer_id", "predicted_at"], ["predictions.offer_id", "predictions.made_at"], ondelete="CASCADE"
        ),
        Index("ix_votes_listener_id_created_at", "listener_id", "created_at", "offer_id"),
        Index("ix_votes_picks", "listener_id", postgresql_where=text("outcome IN ('left', 'right', 'equal')")),
    )

    offer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    listener_id: Mapped[uuid.UUID]
    outcome: Mapped[str]
    predicted_at: Mapped[datetime]
    model_version: Mapped[str]
    trust: Mapped[str] = mapped_column(server_default="unavailable")
    created_at: Mapped[Clock]


class Listening(Base):
    """How long each clip of an offer had sounded when its vote came, in milliseconds."""

    __tablename__ = "listening"
    __table_args__ = (
        CheckConstraint("left_ms >= 0", name="left_ms_not_negative"),
        CheckConstraint("right_ms >= 0", name="right_ms_not_negative"),
    )

    offer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("votes.offer_id", ondelete="CASCADE"), primary_key=True)
    left_ms: Mapped[int]
    right_ms: Mapped[int]
