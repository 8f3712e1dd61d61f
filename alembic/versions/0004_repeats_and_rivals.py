"""Pairs may come again, mirrored; clips for a listener tell whose taste they are for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PAIR = [
    "listener_id",
    sa.literal_column("least(left_clip, right_clip)"),
    sa.literal_column("greatest(left_clip, right_clip)"),
]


def upgrade() -> None:
    op.add_column("offers", sa.Column("repeats", sa.Uuid(), nullable=True))
    op.create_unique_constraint(
        op.f("uq_offers_id_listener_id_left_clip_right_clip"),
        "offers",
        ["id", "listener_id", "left_clip", "right_clip"],
    )
    op.create_foreign_key(
        op.f("fk_offers_repeats_offers"),
        "offers",
        "offers",
        ["repeats", "listener_id", "right_clip", "left_clip"],
        ["id", "listener_id", "left_clip", "right_clip"],
        ondelete="CASCADE",
    )
    op.create_unique_constraint(op.f("uq_offers_repeats"), "offers", ["repeats"])
    op.drop_index("uq_offers_unordered_pair", "offers")
    op.create_index(
        "uq_offers_unordered_pair", "offers", PAIR, unique=True, postgresql_where=sa.text("repeats IS NULL")
    )
    _kinds(
        "kind IN ('prior', 'composed', 'studio', 'average', 'drawn')", "(kind <> 'prior') = (composed_for IS NOT NULL)"
    )


def downgrade() -> None:
    op.execute("DELETE FROM offers WHERE repeats IS NOT NULL")  # with their votes: no pair came twice before
    op.drop_index("uq_offers_unordered_pair", "offers")
    op.create_index("uq_offers_unordered_pair", "offers", PAIR, unique=True)
    op.drop_constraint("fk_offers_repeats_offers", "offers")
    op.drop_constraint("uq_offers_id_listener_id_left_clip_right_clip", "offers")
    op.drop_column("offers", "repeats")  # its constraint goes with it
    op.execute("UPDATE clips SET kind = 'composed' WHERE kind <> 'prior'")
    _kinds("kind IN ('prior', 'composed')", "(kind = 'composed') = (composed_for IS NOT NULL)")


def _kinds(known: str, owned: str) -> None:
    for name, rule in (("kind_is_known", known), ("composed_for_one_listener", owned)):
        op.drop_constraint(op.f(f"ck_clips_{name}"), "clips")
        op.create_check_constraint(op.f(f"ck_clips_{name}"), "clips", rule)
