"""Offers: two clips side by side for one listener, with the policy that chose them and with which probability."""

from __future__ import annotations

import uuid

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, Clock, NewId
from db.tables.studies import DEFAULT_STUDY


class Offer(Base):
    """A pair as it is shown: which clip stands left, and for how many seconds both play.

    ``pair_probability``: of this unordered pair under the whole mixture of policies when it was drawn, so that any
    other policy can be judged on these votes; ``order_probability``: of this order given the pair. ``repeats``: the
    earlier offer of the same pair that this one mirrors; without it a pair is offered once. ``condition``: the
    listener's arm of the study, or what a blind proof compares.
    """

    __tablename__ = "offers"
    __table_args__ = (
        CheckConstraint("left_clip <> right_clip", name="two_different_clips"),
        CheckConstraint("seconds > 0", name="seconds_positive"),
        CheckConstraint("pair_probability > 0 AND pair_probability <= 1", name="pair_probability_in_0_1"),
        CheckConstraint("order_probability > 0 AND order_probability <= 1", name="order_probability_in_0_1"),
        CheckConstraint("state IN ('open', 'voted')", name="state_is_known"),
        UniqueConstraint("id", "listener_id"),  # what a vote refers to, so that nobody else can vote
        UniqueConstraint("id", "listener_id", "left_clip", "right_clip"),  # what a repeat mirrors
        ForeignKeyConstraint(
            ["repeats", "listener_id", "right_clip", "left_clip"],
            ["offers.id", "offers.listener_id", "offers.left_clip", "offers.right_clip"],
            name="fk_offers_repeats_offers",
            ondelete="CASCADE",
        ),
        UniqueConstraint("repeats"),
        Index(
            "uq_offers_unordered_pair",
            "listener_id",
            text("least(left_clip, right_clip)"),
            text("greatest(left_clip, right_clip)"),
            unique=True,
            postgresql_where=text("repeats IS NULL"),
        ),
        Index("ix_offers_open", "listener_id", "created_at", postgresql_where=text("state = 'open'")),
        Index("ix_offers_listener_id_left_clip", "listener_id", "left_clip", "right_clip"),  # what was met: per clip
        Index("ix_offers_listener_id_right_clip", "listener_id", "right_clip"),
        Index("ix_offers_created_at", "created_at"),  # who was here lately
        Index("ix_offers_left_clip", "left_clip"),
        Index("ix_offers_right_clip", "right_clip"),
    )

    id: Mapped[NewId]
    listener_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("listeners.id", ondelete="CASCADE"))
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id"), server_default=DEFAULT_STUDY, index=True)
    condition: Mapped[str] = mapped_column(server_default="default")
    left_clip: Mapped[uuid.UUID] = mapped_column(ForeignKey("clips.id"))
    right_clip: Mapped[uuid.UUID] = mapped_column(ForeignKey("clips.id"))
    seconds: Mapped[float]
    policy: Mapped[str]
    pair_probability: Mapped[float]
    order_probability: Mapped[float] = mapped_column(server_default=text("0.5"))
    state: Mapped[str] = mapped_column(server_default="open")
    repeats: Mapped[uuid.UUID | None]
    created_at: Mapped[Clock]

    @property
    def clips(self) -> tuple[uuid.UUID, uuid.UUID]:
        """The clips, the left one first."""
        return self.left_clip, self.right_clip
