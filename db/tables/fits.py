"""Fits: which of two pictures fits a piece, or which of two pieces fits a picture, and what the listener answered."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ARRAY, CheckConstraint, Double, ForeignKey, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, Clock, NewId
from db.tables.listeners import DOMAIN_CHECK

FIT_OUTCOMES = ("left", "right", "equal", "skipped")
FIT_PICKS = FIT_OUTCOMES[:3]  # the outcomes that compare
MEASURES = 9  # five of the music, four of the picture
_MEASURED = "cardinality({0}) = 9 AND array_position({0}, NULL) IS NULL AND -3 <= ALL ({0}) AND 3 >= ALL ({0})"


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
