"""Where a head of pictures began, beside where the head of music did."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("listeners", sa.Column("picture_population_id", sa.Uuid()))
    op.create_foreign_key(
        op.f("fk_listeners_picture_population_id_populations"),
        "listeners",
        "populations",
        ["picture_population_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.create_index(op.f("ix_listeners_picture_population_id"), "listeners", ["picture_population_id"])


def downgrade() -> None:
    """Populations of pictures go, and the heads of pictures: an older version learns these from the fixed prior."""
    op.drop_column("listeners", "picture_population_id")
    op.execute("DELETE FROM heads WHERE model_version IN (SELECT model_version FROM clips WHERE domain = 'pictures')")
    op.execute(
        "DELETE FROM populations WHERE model_version IN (SELECT model_version FROM clips WHERE domain = 'pictures')"
    )
