"""What models of surprise and of mood heard in clips, which was computed again after each start."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "heard_clips",
        sa.Column("clip_id", sa.Uuid(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("heard", JSONB(), nullable=True),
        sa.CheckConstraint("jsonb_typeof(heard) = 'object'", name=op.f("ck_heard_clips_heard_is_an_object")),
        sa.ForeignKeyConstraint(
            ["clip_id"], ["clips.id"], name=op.f("fk_heard_clips_clip_id_clips"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("clip_id", "model_version", name=op.f("pk_heard_clips")),
    )


def downgrade() -> None:
    op.drop_table("heard_clips")
