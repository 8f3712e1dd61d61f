"""Which of two pictures fits a piece, or the reverse: questions and answers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

MEASURED = "cardinality({0}) = 9 AND array_position({0}, NULL) IS NULL AND -3 <= ALL ({0}) AND 3 >= ALL ({0})"


def upgrade() -> None:
    time = sa.TIMESTAMP(timezone=True)
    op.create_table(
        "fits",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("listener_id", sa.Uuid(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("left_clip", sa.Uuid(), nullable=True),
        sa.Column("right_clip", sa.Uuid(), nullable=True),
        sa.Column("left_picture", sa.Text(), nullable=False),
        sa.Column("right_picture", sa.Text(), nullable=False),
        sa.Column("left_measures", postgresql.ARRAY(sa.Double()), nullable=False),
        sa.Column("right_measures", postgresql.ARRAY(sa.Double()), nullable=False),
        sa.Column("measured_by", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("chances", postgresql.ARRAY(sa.Double()), nullable=True),
        sa.Column("votes_seen", sa.Integer(), nullable=True),
        sa.Column("heard_ms", postgresql.ARRAY(sa.Integer()), nullable=True),
        sa.Column("created_at", time, server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("answered_at", time, nullable=True),
        sa.CheckConstraint("domain IN ('pop', 'dance', 'chorale')", name=op.f("ck_fits_domain_is_known")),
        sa.CheckConstraint("kind IN ('pictures', 'pieces')", name=op.f("ck_fits_kind_is_known")),
        sa.CheckConstraint(
            "(kind = 'pictures') = (left_picture <> right_picture)", name=op.f("ck_fits_pictures_as_its_kind")
        ),
        sa.CheckConstraint("(kind = 'pictures') = (left_clip = right_clip)", name=op.f("ck_fits_clips_as_its_kind")),
        sa.CheckConstraint(MEASURED.format("left_measures"), name=op.f("ck_fits_left_measures_standardised")),
        sa.CheckConstraint(MEASURED.format("right_measures"), name=op.f("ck_fits_right_measures_standardised")),
        sa.CheckConstraint("seconds > 0", name=op.f("ck_fits_seconds_positive")),
        sa.CheckConstraint("probability > 0 AND probability <= 1", name=op.f("ck_fits_probability_in_0_1")),
        sa.CheckConstraint("outcome IN ('left', 'right', 'equal', 'skipped')", name=op.f("ck_fits_outcome_is_known")),
        sa.CheckConstraint(
            "num_nulls(outcome, chances, votes_seen, heard_ms, answered_at) IN (0, 5)",
            name=op.f("ck_fits_answered_whole"),
        ),
        sa.CheckConstraint(
            "cardinality(chances) = 3 AND array_position(chances, NULL) IS NULL AND 0 <= ALL (chances) "
            "AND abs(chances[1] + chances[2] + chances[3] - 1) < 1e-6",
            name=op.f("ck_fits_chances_sum_to_1"),
        ),
        sa.CheckConstraint("votes_seen >= 0", name=op.f("ck_fits_votes_seen_not_negative")),
        sa.CheckConstraint(
            "cardinality(heard_ms) = CASE kind WHEN 'pictures' THEN 1 ELSE 2 END "
            "AND array_position(heard_ms, NULL) IS NULL AND 0 <= ALL (heard_ms)",
            name=op.f("ck_fits_heard_not_negative"),
        ),
        sa.ForeignKeyConstraint(
            ["listener_id"], ["listeners.id"], name=op.f("fk_fits_listener_id_listeners"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["left_clip"], ["clips.id"], name=op.f("fk_fits_left_clip_clips"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["right_clip"], ["clips.id"], name=op.f("fk_fits_right_clip_clips"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fits")),
    )
    op.create_index("ix_fits_listener_id_created_at", "fits", ["listener_id", "created_at"])
    op.create_index("ix_fits_open", "fits", ["listener_id"], postgresql_where=sa.text("outcome IS NULL"))
    op.create_index("ix_fits_left_clip", "fits", ["left_clip"])
    op.create_index("ix_fits_right_clip", "fits", ["right_clip"])


def downgrade() -> None:
    op.drop_table("fits")
