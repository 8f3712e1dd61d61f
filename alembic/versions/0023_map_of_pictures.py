"""A map of pictures, beside those of music."""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

NAME = "ck_maps_kind_is_known"


def upgrade() -> None:
    op.drop_constraint(op.f(NAME), "maps")
    op.create_check_constraint(op.f(NAME), "maps", "kind IN ('clips', 'tunes', 'titles', 'joint', 'pictures')")


def downgrade() -> None:
    op.execute("DELETE FROM maps WHERE kind = 'pictures'")
    op.drop_constraint(op.f(NAME), "maps")
    op.create_check_constraint(op.f(NAME), "maps", "kind IN ('clips', 'tunes', 'titles', 'joint')")
