"""What became of whole pieces that a listener played: begun, heard out, skipped, kept; apart from votes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "plays",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("listener_id", sa.Uuid(), nullable=False),
        sa.Column("clip_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("heard_ms", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint(
            "outcome IN ('begun', 'heard_out', 'skipped', 'kept')", name=op.f("ck_plays_outcome_is_known")
        ),
        sa.CheckConstraint("heard_ms >= 0", name=op.f("ck_plays_heard_not_negative")),
        sa.ForeignKeyConstraint(
            ["listener_id"], ["listeners.id"], name=op.f("fk_plays_listener_id_listeners"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["clip_id"], ["clips.id"], name=op.f("fk_plays_clip_id_clips"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plays")),
    )
    op.create_index("ix_plays_listener_id_created_at", "plays", ["listener_id", "created_at"])
    op.create_index(op.f("ix_plays_clip_id"), "plays", ["clip_id"])
    op.create_index(
        "uq_plays_once",
        "plays",
        ["listener_id", "clip_id", "outcome"],
        unique=True,
        postgresql_where=sa.text("outcome IN ('begun', 'kept')"),
    )


def downgrade() -> None:
    op.drop_table("plays")
