"""Fours, of which the most beautiful is picked; duets, for whom music is composed together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

MIDDLE = (
    "greatest(least(clip_a, clip_b), least(clip_c, clip_d)), least(greatest(clip_a, clip_b), greatest(clip_c, clip_d))"
)


def upgrade() -> None:
    op.create_table(
        "duets",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("host_id", sa.Uuid(), nullable=False),
        sa.Column("guest_id", sa.Uuid(), nullable=True),
        sa.Column("link_key", sa.Text(), nullable=True),
        sa.Column("agreed_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("(guest_id IS NULL) = (agreed_at IS NULL)", name=op.f("ck_duets_agreed_by_the_guest")),
        sa.CheckConstraint("(guest_id IS NULL) = (link_key IS NOT NULL)", name=op.f("ck_duets_link_until_agreed")),
        sa.CheckConstraint("host_id <> guest_id", name=op.f("ck_duets_two_different_listeners")),
        sa.ForeignKeyConstraint(
            ["guest_id"], ["listeners.id"], name=op.f("fk_duets_guest_id_listeners"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["host_id"], ["listeners.id"], name=op.f("fk_duets_host_id_listeners"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duets")),
        sa.UniqueConstraint("link_key", name=op.f("uq_duets_link_key")),
    )
    op.create_index(op.f("ix_duets_guest_id"), "duets", ["guest_id"])
    op.create_index(op.f("ix_duets_host_id"), "duets", ["host_id"])
    op.create_index(
        "uq_duets_unordered_pair",
        "duets",
        [sa.literal_column("least(host_id, guest_id)"), sa.literal_column("greatest(host_id, guest_id)")],
        unique=True,
        postgresql_where=sa.text("guest_id IS NOT NULL"),
    )
    op.create_table(
        "duet_pieces",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("duet_id", sa.Uuid(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("notes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("latents", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("recipe", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("for_host", sa.Double(), nullable=False),
        sa.Column("for_guest", sa.Double(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("domain IN ('pop', 'dance', 'chorale')", name=op.f("ck_duet_pieces_domain_is_known")),
        sa.CheckConstraint("for_guest > 0 AND for_guest < 1", name=op.f("ck_duet_pieces_for_guest_in_0_1")),
        sa.CheckConstraint("for_host > 0 AND for_host < 1", name=op.f("ck_duet_pieces_for_host_in_0_1")),
        sa.ForeignKeyConstraint(
            ["duet_id"], ["duets.id"], name=op.f("fk_duet_pieces_duet_id_duets"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duet_pieces")),
        sa.UniqueConstraint("duet_id", "content_hash", name=op.f("uq_duet_pieces_duet_id_content_hash")),
    )
    op.create_table(
        "fours",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("listener_id", sa.Uuid(), nullable=False),
        sa.Column("study_id", sa.Text(), server_default="default", nullable=False),
        sa.Column("condition", sa.Text(), server_default="default", nullable=False),
        sa.Column("clip_a", sa.Uuid(), nullable=False),
        sa.Column("clip_b", sa.Uuid(), nullable=False),
        sa.Column("clip_c", sa.Uuid(), nullable=False),
        sa.Column("clip_d", sa.Uuid(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("four_probability", sa.Double(), nullable=False),
        sa.Column("order_probability", sa.Double(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("state IN ('open', 'voted')", name=op.f("ck_fours_state_is_known")),
        sa.CheckConstraint(
            "clip_a NOT IN (clip_b, clip_c, clip_d) AND clip_b NOT IN (clip_c, clip_d) AND clip_c <> clip_d",
            name=op.f("ck_fours_four_different_clips"),
        ),
        sa.CheckConstraint(
            "four_probability > 0 AND four_probability <= 1", name=op.f("ck_fours_four_probability_in_0_1")
        ),
        sa.CheckConstraint(
            "order_probability > 0 AND order_probability <= 1", name=op.f("ck_fours_order_probability_in_0_1")
        ),
        sa.CheckConstraint("seconds > 0", name=op.f("ck_fours_seconds_positive")),
        sa.ForeignKeyConstraint(["clip_a"], ["clips.id"], name=op.f("fk_fours_clip_a_clips")),
        sa.ForeignKeyConstraint(["clip_b"], ["clips.id"], name=op.f("fk_fours_clip_b_clips")),
        sa.ForeignKeyConstraint(["clip_c"], ["clips.id"], name=op.f("fk_fours_clip_c_clips")),
        sa.ForeignKeyConstraint(["clip_d"], ["clips.id"], name=op.f("fk_fours_clip_d_clips")),
        sa.ForeignKeyConstraint(
            ["listener_id"], ["listeners.id"], name=op.f("fk_fours_listener_id_listeners"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_fours_study_id_studies")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fours")),
        sa.UniqueConstraint("id", "listener_id", name=op.f("uq_fours_id_listener_id")),
    )
    op.create_index(op.f("ix_fours_clip_a_listener_id"), "fours", ["clip_a", "listener_id"])
    op.create_index(op.f("ix_fours_clip_b_listener_id"), "fours", ["clip_b", "listener_id"])
    op.create_index(op.f("ix_fours_clip_c_listener_id"), "fours", ["clip_c", "listener_id"])
    op.create_index(op.f("ix_fours_clip_d_listener_id"), "fours", ["clip_d", "listener_id"])
    op.create_index("ix_fours_listener_id_created_at", "fours", ["listener_id", "created_at"])
    op.create_index(op.f("ix_fours_study_id"), "fours", ["study_id"])
    op.create_index(
        "uq_fours_unordered_clips",
        "fours",
        [
            "listener_id",
            sa.literal_column("least(clip_a, clip_b, clip_c, clip_d)"),
            sa.literal_column(f"least({MIDDLE})"),
            sa.literal_column(f"greatest({MIDDLE})"),
            sa.literal_column("greatest(clip_a, clip_b, clip_c, clip_d)"),
        ],
        unique=True,
    )
    op.create_table(
        "four_votes",
        sa.Column("four_id", sa.Uuid(), nullable=False),
        sa.Column("listener_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("chances", sa.ARRAY(sa.Double()), nullable=False),
        sa.Column("head_version", sa.Text(), nullable=False),
        sa.Column("votes_seen", sa.Integer(), nullable=False),
        sa.Column("heard_ms", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint(
            "outcome IN ('a', 'b', 'c', 'd', 'none', 'skipped')", name=op.f("ck_four_votes_outcome_is_known")
        ),
        sa.CheckConstraint(
            "cardinality(chances) = 4 AND array_position(chances, NULL) IS NULL AND 0 < ALL (chances) "
            "AND abs(chances[1] + chances[2] + chances[3] + chances[4] - 1) < 1e-6",
            name=op.f("ck_four_votes_chances_sum_to_1"),
        ),
        sa.CheckConstraint(
            "cardinality(heard_ms) = 4 AND array_position(heard_ms, NULL) IS NULL AND 0 <= ALL (heard_ms)",
            name=op.f("ck_four_votes_heard_not_negative"),
        ),
        sa.CheckConstraint("votes_seen >= 0", name=op.f("ck_four_votes_votes_seen_not_negative")),
        sa.ForeignKeyConstraint(
            ["four_id", "listener_id"],
            ["fours.id", "fours.listener_id"],
            name=op.f("fk_four_votes_four_id_listener_id_fours"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("four_id", name=op.f("pk_four_votes")),
    )
    op.create_index("ix_four_votes_listener_id_created_at", "four_votes", ["listener_id", "created_at", "four_id"])
    op.create_index(
        "ix_four_votes_picks",
        "four_votes",
        ["listener_id"],
        postgresql_where=sa.text("outcome IN ('a', 'b', 'c', 'd')"),
    )


def downgrade() -> None:
    for table in ("four_votes", "fours", "duet_pieces", "duets"):
        op.drop_table(table)
