"""Clips by the writer that was trained for the tension model's reward, blind beside guided and plain ones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

KNOWN = "ck_clips_kind_is_known"
KINDS = (
    "'prior', 'composed', 'surprise', 'near', 'opened', 'studio', 'average', 'drawn', 'whole', 'brought', 'tension', "
    "'guided', 'plain'"
)


def upgrade() -> None:
    _kinds(f"{KINDS}, 'trained'", "'average', 'drawn', 'plain', 'guided', 'trained'")


def downgrade() -> None:
    op.execute("UPDATE clips SET kind = 'drawn', retired = true WHERE kind = 'trained'")
    _kinds(KINDS, "'average', 'drawn', 'guided', 'plain'")


def _kinds(known: str, beside: str) -> None:
    op.drop_constraint(op.f(KNOWN), "clips")
    op.create_check_constraint(op.f(KNOWN), "clips", f"kind IN ({known})")
    op.drop_index("ix_clips_beside", "clips")
    columns = ["composed_for", "domain", "created_at"]
    op.create_index("ix_clips_beside", "clips", columns, postgresql_where=sa.text(f"kind IN ({beside})"))
