"""Heads and populations are forgotten, to be learned again from the votes: a taste space has more features now."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _forget()


def downgrade() -> None:
    _forget()


def _forget() -> None:
    op.execute("UPDATE listeners SET population_id = NULL")
    op.execute("DELETE FROM populations")
    op.execute("DELETE FROM heads")
