"""Cards of a taste that are shared by a link, and what was measured of a population when it was learned."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "taste_cards",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("listener_id", sa.Uuid(), nullable=False),
        sa.Column("clip_id", sa.Uuid(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("about", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("link_key", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("seconds > 0", name=op.f("ck_taste_cards_seconds_positive")),
        sa.CheckConstraint("char_length(link_key) >= 16", name=op.f("ck_taste_cards_link_key_is_long")),
        sa.ForeignKeyConstraint(
            ["listener_id"], ["listeners.id"], name=op.f("fk_taste_cards_listener_id_listeners"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["clip_id"], ["clips.id"], name=op.f("fk_taste_cards_clip_id_clips"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_taste_cards")),
        sa.UniqueConstraint("link_key", name=op.f("uq_taste_cards_link_key")),
    )
    op.create_index("ix_taste_cards_listener_id_created_at", "taste_cards", ["listener_id", "created_at"], unique=False)
    op.create_index("ix_taste_cards_clip_id", "taste_cards", ["clip_id"], unique=False)
    op.add_column("populations", sa.Column("measured", postgresql.JSONB(astext_type=sa.Text()), nullable=True))


def downgrade() -> None:
    op.drop_column("populations", "measured")
    op.drop_table("taste_cards")
