"""The offers of the last hour are found by an index, however many there were before."""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("offers", "fours"):
        op.create_index(op.f(f"ix_{table}_created_at"), table, ["created_at"])


def downgrade() -> None:
    for table in ("offers", "fours"):
        op.drop_index(op.f(f"ix_{table}_created_at"), table)
