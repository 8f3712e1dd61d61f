"""A clip's sound says which playing it has; what was rendered before has none and is rendered anew when it is heard."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("clip_audio", sa.Column("playing", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("clip_audio", "playing")
