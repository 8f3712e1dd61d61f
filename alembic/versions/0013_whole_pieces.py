"""Whole pieces for a listener are clips of a kind of their own, which stand in no pair."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _kinds("kind IN ('prior', 'composed', 'surprise', 'near', 'opened', 'studio', 'average', 'drawn', 'whole')")


def downgrade() -> None:
    op.execute("DELETE FROM clips WHERE kind = 'whole'")  # an earlier version would offer them in pairs
    _kinds("kind IN ('prior', 'composed', 'surprise', 'near', 'opened', 'studio', 'average', 'drawn')")


def _kinds(known: str) -> None:
    op.drop_constraint(op.f("ck_clips_kind_is_known"), "clips")
    op.create_check_constraint(op.f("ck_clips_kind_is_known"), "clips", known)
