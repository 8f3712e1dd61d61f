"""What a study's listeners hear alike in a clip, beyond its features, with the population that it was learned with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("populations", sa.Column("effects", JSONB(), nullable=True))


def downgrade() -> None:
    op.drop_column("populations", "effects")
