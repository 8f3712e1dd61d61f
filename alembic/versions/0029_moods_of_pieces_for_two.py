"""What the judges of mood heard in pieces for two, when these were composed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("duet_pieces", sa.Column("mood", JSONB(), nullable=True))


def downgrade() -> None:
    op.drop_column("duet_pieces", "mood")
