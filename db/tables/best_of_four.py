"""Fours: sets of four clips of which a listener picks the most beautiful, and the picks."""

from __future__ import annotations

import uuid

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, Clock, NewId
from db.tables.studies import DEFAULT_STUDY
from db.tables.votes import TRUST_CHECK

FOUR_OUTCOMES = ("a", "b", "c", "d", "none", "skipped")
FOUR_PICKS = FOUR_OUTCOMES[:4]  # the outcomes that name a clip
_MIDDLE = (
    "greatest(least(clip_a, clip_b), least(clip_c, clip_d))",
    "least(greatest(clip_a, clip_b), greatest(clip_c, clip_d))",
)
IN_ORDER = (  # the four clips whatever their places, as a sorting network puts them
    "least(clip_a, clip_b, clip_c, clip_d)",
    f"least({', '.join(_MIDDLE)})",
    f"greatest({', '.join(_MIDDLE)})",
    "greatest(clip_a, clip_b, clip_c, clip_d)",
)


class Four(Base):
    """Four clips as they are shown, in the order of their places, and for how many seconds all of them play.

    ``four_probability``: of this unordered set under the whole mixture of policies when it was drawn;
    ``order_probability``: of this order given the set. A set is offered once. ``condition``: the listener's arm of the
    study.
    """

    __tablename__ = "fours"
    __table_args__ = (
        CheckConstraint(
            "clip_a NOT IN (clip_b, clip_c, clip_d) AND clip_b NOT IN (clip_c, clip_d) AND clip_c <> clip_d",
            name="four_different_clips",
        ),
        CheckConstraint("seconds > 0", name="seconds_positive"),
        CheckConstraint("four_probability > 0 AND four_probability <= 1", name="four_probability_in_0_1"),
        CheckConstraint("order_probability > 0 AND order_probability <= 1", name="order_probability_in_0_1"),
        CheckConstraint("state IN ('open', 'voted')", name="state_is_known"),
        UniqueConstraint("id", "listener_id"),  # what a pick refers to, so that nobody else can pick
        Index("uq_fours_unordered_clips", "listener_id", *(text(clip) for clip in IN_ORDER), unique=True),
        Index("ix_fours_listener_id_created_at", "listener_id", "created_at"),
        Index("ix_fours_created_at", "created_at"),  # who was here lately
        *(Index(None, f"clip_{place}", "listener_id") for place in "abcd"),  # what was met, and a clip that goes
    )

    id: Mapped[NewId]
    listener_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("listeners.id", ondelete="CASCADE"))
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id"), server_default=DEFAULT_STUDY, index=True)
    condition: Mapped[str] = mapped_column(server_default="default")
    clip_a: Mapped[uuid.UUID] = mapped_column(ForeignKey("clips.id"))
    clip_b: Mapped[uuid.UUID] = mapped_column(ForeignKey("clips.id"))
    clip_c: Mapped[uuid.UUID] = mapped_column(ForeignKey("clips.id"))
    clip_d: Mapped[uuid.UUID] = mapped_column(ForeignKey("clips.id"))
    seconds: Mapped[float]
    policy: Mapped[str]
    four_probability: Mapped[float]
    order_probability: Mapped[float]
    state: Mapped[str] = mapped_column(server_default="open")
    created_at: Mapped[Clock]

    @property
    def clips(self) -> tuple[uuid.UUID, uuid.UUID, uuid.UUID, uuid.UUID]:
        """The clips in the order of their places."""
        return self.clip_a, self.clip_b, self.clip_c, self.clip_d


class FourVote(Base):
    """A listener's pick among four clips, or that there is none, or a skip; one for each four, by its listener.

    ``chances`` of the four clips, if one is picked, under the head that had seen ``votes_seen`` votes, as they were
    before; ``heard_ms``: how long each had sounded; ``trust``: as of a ``Vote``.
    """

    __tablename__ = "four_votes"
    __table_args__ = (
        CheckConstraint("outcome IN ('a', 'b', 'c', 'd', 'none', 'skipped')", name="outcome_is_known"),
        CheckConstraint(TRUST_CHECK, name="trust_is_known"),
        CheckConstraint(
            "cardinality(chances) = 4 AND array_position(chances, NULL) IS NULL AND 0 < ALL (chances) "
            "AND abs(chances[1] + chances[2] + chances[3] + chances[4] - 1) < 1e-6",
            name="chances_sum_to_1",
        ),
        CheckConstraint(
            "cardinality(heard_ms) = 4 AND array_position(heard_ms, NULL) IS NULL AND 0 <= ALL (heard_ms)",
            name="heard_not_negative",
        ),
        CheckConstraint("votes_seen >= 0", name="votes_seen_not_negative"),
        ForeignKeyConstraint(["four_id", "listener_id"], ["fours.id", "fours.listener_id"], ondelete="CASCADE"),
        Index("ix_four_votes_listener_id_created_at", "listener_id", "created_at", "four_id"),
        Index("ix_four_votes_picks", "listener_id", postgresql_where=text("outcome IN ('a', 'b', 'c', 'd')")),
    )

    four_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    listener_id: Mapped[uuid.UUID]
    outcome: Mapped[str]
    chances: Mapped[list[float]] = mapped_column(ARRAY(Double))
    head_version: Mapped[str]
    votes_seen: Mapped[int]
    heard_ms: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    model_version: Mapped[str]
    trust: Mapped[str] = mapped_column(server_default="unavailable")
    created_at: Mapped[Clock]
