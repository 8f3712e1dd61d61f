"""Pieces in a listener's studio."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "studio_pieces",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("listener_id", sa.Uuid(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("recipe", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("notes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("latents", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("link_key", sa.Text(), nullable=True),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("char_length(title) <= 120", name=op.f("ck_studio_pieces_title_is_short")),
        sa.CheckConstraint("domain IN ('pop', 'dance', 'chorale')", name=op.f("ck_studio_pieces_domain_is_known")),
        sa.ForeignKeyConstraint(
            ["listener_id"],
            ["listeners.id"],
            name=op.f("fk_studio_pieces_listener_id_listeners"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studio_pieces")),
        sa.UniqueConstraint("link_key", name=op.f("uq_studio_pieces_link_key")),
    )
    op.create_index(
        "ix_studio_pieces_listener_id_created_at", "studio_pieces", ["listener_id", "created_at"], unique=False
    )


def downgrade() -> None:
    op.drop_table("studio_pieces")
