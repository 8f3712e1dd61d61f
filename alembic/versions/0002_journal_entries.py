"""Listeners know how far the vote journal has come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("listeners", sa.Column("journal_entries", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.create_check_constraint(op.f("ck_listeners_journal_entries_not_negative"), "listeners", "journal_entries >= 0")


def downgrade() -> None:
    op.drop_column("listeners", "journal_entries")  # its constraint goes with it
