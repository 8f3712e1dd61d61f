"""Maps of music."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "maps",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("data_hash", sa.Text(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("about", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("kind IN ('clips', 'tunes', 'titles', 'joint')", name=op.f("ck_maps_kind_is_known")),
        sa.CheckConstraint("points > 0", name=op.f("ck_maps_points_positive")),
        sa.CheckConstraint("seed >= 0", name=op.f("ck_maps_seed_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_maps")),
        sa.UniqueConstraint(
            "kind", "model_version", "data_hash", "seed", name=op.f("uq_maps_kind_model_version_data_hash_seed")
        ),
    )
    op.create_index("ix_maps_kind_created_at", "maps", ["kind", "created_at"], unique=False)


def downgrade() -> None:
    op.drop_table("maps")
