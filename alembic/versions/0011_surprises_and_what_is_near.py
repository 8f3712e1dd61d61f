"""Clips composed for a listener tell whether they surprise or are near a piece."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _kinds("kind IN ('prior', 'composed', 'surprise', 'near', 'studio', 'average', 'drawn')")


def downgrade() -> None:
    # not 'composed': a blind proof is of what is surely liked alone
    op.execute("UPDATE clips SET kind = 'studio' WHERE kind IN ('surprise', 'near')")
    _kinds("kind IN ('prior', 'composed', 'studio', 'average', 'drawn')")


def _kinds(known: str) -> None:
    op.drop_constraint(op.f("ck_clips_kind_is_known"), "clips")
    op.create_check_constraint(op.f("ck_clips_kind_is_known"), "clips", known)
