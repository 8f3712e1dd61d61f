"""Trials of listening studies in which one clip is rated by its mood."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

TABLE, RATED = "study_trials", ("valence", "arousal")
KNOWN = "ck_study_trials_outcome_is_known"


def upgrade() -> None:
    for name in RATED:
        op.add_column(TABLE, sa.Column(name, sa.Float(), nullable=True))
        rule = f"(coalesce(outcome, '') = 'rated') = (coalesce({name}, -2) BETWEEN -1 AND 1)"
        op.create_check_constraint(op.f(f"ck_study_trials_{name}_is_rated"), TABLE, rule)
    _outcomes("'left', 'right', 'equal', 'rated'")


def downgrade() -> None:
    """What was rated is lost, as the older schema has no place for it."""
    op.execute("DELETE FROM study_trials WHERE outcome = 'rated'")
    for name in RATED:
        op.drop_constraint(op.f(f"ck_study_trials_{name}_is_rated"), TABLE)
        op.drop_column(TABLE, name)
    _outcomes("'left', 'right', 'equal'")


def _outcomes(known: str) -> None:
    op.drop_constraint(op.f(KNOWN), TABLE)
    op.create_check_constraint(op.f(KNOWN), TABLE, f"outcome IS NULL OR outcome IN ({known})")
