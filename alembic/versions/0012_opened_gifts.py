"""Of clips composed for a listener the one that plays at once is told apart: it is no blind test any more."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _kinds("kind IN ('prior', 'composed', 'surprise', 'near', 'opened', 'studio', 'average', 'drawn')")


def downgrade() -> None:
    op.execute("UPDATE clips SET kind = 'studio' WHERE kind = 'opened'")  # which is no blind test either
    _kinds("kind IN ('prior', 'composed', 'surprise', 'near', 'studio', 'average', 'drawn')")


def _kinds(known: str) -> None:
    op.drop_constraint(op.f("ck_clips_kind_is_known"), "clips")
    op.create_check_constraint(op.f("ck_clips_kind_is_known"), "clips", known)
