"""What a listener was offered and what they answered: pairs, fours, and which picture fits a piece.

One vote an offer, by the listener it was offered to, after its prediction: what the head expected of the vote before it
was cast.
"""

from __future__ import annotations

import uuid
from datetime import datetime

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
from db.tables.listeners import DEFAULT_STUDY, DOMAIN_CHECK

OUTCOMES = ("left", "right", "equal", "neither", "skipped")
PICKS = ("left", "right", "equal")  # the outcomes that compare the clips
TRUST_CHECK = "trust IN ('heard', 'suspicious', 'unavailable', 'imported')"
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
FIT_OUTCOMES = ("left", "right", "equal", "skipped")
FIT_PICKS = FIT_OUTCOMES[:3]  # the outcomes that compare
# nine: five of the music, four of the picture
_MEASURED = "cardinality({0}) = 9 AND array_position({0}, NULL) IS NULL AND -3 <= ALL ({0}) AND 3 >= ALL ({0})"


class Vote(Base):
    """A listener's answer to an offer. ``predicted_at`` is the time of the prediction that it refers to.

    ``trust``: ``heard`` where what was said to be heard can be true, ``suspicious`` where it can't, ``unavailable``
    where nobody could check it, ``imported`` where it came with an untrusted export: such a vote stands in no study.
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


class Fit(Base):
    """Two pairs of a piece and a picture that share one of the two: of the ``kind`` "pictures" the piece.

    ``left_measures`` and ``right_measures`` are what was measured of music and picture, standardised as
    ``measured_by`` says: what the answer teaches stays the same whatever becomes of the clips, which may go.
    ``probability``: of the unordered question among its candidates when it was drawn. The answer, where there is one:
    ``outcome``, the ``chances`` of left, equal and right that were expected after ``votes_seen`` answers, how long each
    piece had sounded (``heard_ms``), and when.
    """

    __tablename__ = "fits"
    __table_args__ = (
        CheckConstraint(DOMAIN_CHECK, name="domain_is_known"),
        CheckConstraint("kind IN ('pictures', 'pieces')", name="kind_is_known"),
        CheckConstraint("(kind = 'pictures') = (left_picture <> right_picture)", name="pictures_as_its_kind"),
        # a clip that has gone is null, and is neither the same nor another
        CheckConstraint("(kind = 'pictures') = (left_clip = right_clip)", name="clips_as_its_kind"),
        CheckConstraint(_MEASURED.format("left_measures"), name="left_measures_standardised"),
        CheckConstraint(_MEASURED.format("right_measures"), name="right_measures_standardised"),
        CheckConstraint("seconds > 0", name="seconds_positive"),
        CheckConstraint("probability > 0 AND probability <= 1", name="probability_in_0_1"),
        CheckConstraint("outcome IN ('left', 'right', 'equal', 'skipped')", name="outcome_is_known"),
        CheckConstraint(
            "num_nulls(outcome, chances, votes_seen, heard_ms, answered_at) IN (0, 5)", name="answered_whole"
        ),
        CheckConstraint(
            "cardinality(chances) = 3 AND array_position(chances, NULL) IS NULL AND 0 <= ALL (chances) "
            "AND abs(chances[1] + chances[2] + chances[3] - 1) < 1e-6",
            name="chances_sum_to_1",
        ),
        CheckConstraint("votes_seen >= 0", name="votes_seen_not_negative"),
        CheckConstraint(
            "cardinality(heard_ms) = CASE kind WHEN 'pictures' THEN 1 ELSE 2 END "
            "AND array_position(heard_ms, NULL) IS NULL AND 0 <= ALL (heard_ms)",
            name="heard_not_negative",
        ),
        Index("ix_fits_listener_id_created_at", "listener_id", "created_at"),
        Index("ix_fits_open", "listener_id", postgresql_where=text("outcome IS NULL")),
        Index("ix_fits_left_clip", "left_clip"),
        Index("ix_fits_right_clip", "right_clip"),
    )

    id: Mapped[NewId]
    listener_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("listeners.id", ondelete="CASCADE"))
    domain: Mapped[str]
    kind: Mapped[str]
    left_clip: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("clips.id", ondelete="SET NULL"))
    right_clip: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("clips.id", ondelete="SET NULL"))
    left_picture: Mapped[str]
    right_picture: Mapped[str]
    left_measures: Mapped[list[float]] = mapped_column(ARRAY(Double))
    right_measures: Mapped[list[float]] = mapped_column(ARRAY(Double))
    measured_by: Mapped[str]
    seconds: Mapped[float]
    policy: Mapped[str]
    probability: Mapped[float]
    outcome: Mapped[str | None]
    chances: Mapped[list[float] | None] = mapped_column(ARRAY(Double))
    votes_seen: Mapped[int | None]
    heard_ms: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))
    created_at: Mapped[Clock]
    answered_at: Mapped[datetime | None]
