"""What strangers may bring or take: how far a vote is trusted, links that work once, tokens that can be taken back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

KINDS = "kind IN ('prior', 'composed', 'surprise', 'near', 'opened', 'studio', 'average', 'drawn', 'whole'"


def upgrade() -> None:
    for table in ("votes", "four_votes"):
        op.add_column(table, sa.Column("trust", sa.Text(), server_default="unavailable", nullable=False))
        op.create_check_constraint(
            op.f(f"ck_{table}_trust_is_known"), table, "trust IN ('heard', 'suspicious', 'unavailable', 'imported')"
        )
    op.add_column("listeners", sa.Column("brought", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("listeners", sa.Column("token_generation", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.create_check_constraint(op.f("ck_listeners_token_generation_not_negative"), "listeners", "token_generation >= 0")
    op.add_column("listeners", sa.Column("link_id", sa.Uuid(), nullable=True))
    _kinds(f"{KINDS}, 'brought')")


def downgrade() -> None:
    op.execute("UPDATE clips SET kind = 'studio', retired = true WHERE kind = 'brought'")
    _kinds(f"{KINDS})")
    for column in ("link_id", "token_generation", "brought"):
        op.drop_column("listeners", column)
    for table in ("four_votes", "votes"):
        op.drop_column(table, "trust")


def _kinds(known: str) -> None:
    op.drop_constraint(op.f("ck_clips_kind_is_known"), "clips")
    op.create_check_constraint(op.f("ck_clips_kind_is_known"), "clips", known)
