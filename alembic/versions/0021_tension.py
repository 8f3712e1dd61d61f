"""Clips that are calmer or tenser, and those that the tension model has chosen beside those that came first."""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

KINDS = "kind IN ('prior', 'composed', 'surprise', 'near', 'opened', 'studio', 'average', 'drawn', 'whole', 'brought'"


def upgrade() -> None:
    _kinds(f"{KINDS}, 'tension', 'guided', 'plain')")


def downgrade() -> None:
    op.execute("UPDATE clips SET kind = 'surprise' WHERE kind = 'tension'")
    op.execute("UPDATE clips SET kind = 'drawn', retired = true WHERE kind IN ('guided', 'plain')")
    _kinds(f"{KINDS})")


def _kinds(known: str) -> None:
    op.drop_constraint(op.f("ck_clips_kind_is_known"), "clips")
    op.create_check_constraint(op.f("ck_clips_kind_is_known"), "clips", known)
