"""Heads that begin from a population and know how a listener answers; indexes that keep a ten thousandth vote quick.

Heads of the older form are dropped, in both directions: each is a function of its votes and is learned again from them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "populations",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("study_id", sa.Text(), nullable=True),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("mean", sa.LargeBinary(), nullable=False),
        sa.Column("factors", sa.LargeBinary(), nullable=False),
        sa.Column("diagonal", sa.LargeBinary(), nullable=False),
        sa.Column("listeners", sa.Integer(), nullable=False),
        sa.Column("votes", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint(
            "octet_length(mean) > 0 AND octet_length(mean) % 8 = 0", name=op.f("ck_populations_mean_is_float64")
        ),
        sa.CheckConstraint(
            "octet_length(diagonal) = octet_length(mean)", name=op.f("ck_populations_diagonal_is_like_the_mean")
        ),
        sa.CheckConstraint(
            "octet_length(factors) % greatest(octet_length(mean), 1) = 0",
            name=op.f("ck_populations_factors_are_columns"),
        ),
        sa.CheckConstraint("listeners > 0 AND votes >= 0", name=op.f("ck_populations_learned_from_somebody")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_populations_study_id_studies")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_populations")),
    )
    op.create_index(
        "ix_populations_study_id_model_version_created_at", "populations", ["study_id", "model_version", "created_at"]
    )
    op.add_column("listeners", sa.Column("population_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_listeners_population_id_populations"),
        "listeners",
        "populations",
        ["population_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.create_index(op.f("ix_listeners_population_id"), "listeners", ["population_id"])
    op.execute("DELETE FROM heads")
    _square("octet_length(covariance)::bigint * 8 = octet_length(mean)::bigint * octet_length(mean)")
    op.drop_column("heads", "tie")
    for name in ("lapses", "attentive"):
        op.add_column("heads", sa.Column(name, sa.Double(), nullable=False))
    op.create_check_constraint(op.f("ck_heads_lapses_are_a_share"), "heads", "lapses >= 0 AND attentive > 0")

    op.create_index("ix_offers_listener_id_left_clip", "offers", ["listener_id", "left_clip", "right_clip"])
    op.create_index("ix_offers_listener_id_right_clip", "offers", ["listener_id", "right_clip"])
    _votes(["listener_id", "created_at", "offer_id"])
    picks = sa.text("outcome IN ('left', 'right', 'equal')")
    op.create_index("ix_votes_picks", "votes", ["listener_id"], postgresql_where=picks)


def downgrade() -> None:
    op.drop_index("ix_votes_picks", "votes")
    _votes(["listener_id", "created_at"])
    for side in ("left", "right"):
        op.drop_index(f"ix_offers_listener_id_{side}_clip", "offers")
    op.execute("DELETE FROM heads")
    op.drop_constraint("ck_heads_lapses_are_a_share", "heads")
    for name in ("lapses", "attentive"):
        op.drop_column("heads", name)
    op.add_column("heads", sa.Column("tie", sa.Double(), nullable=False))
    _square("octet_length(covariance)::bigint * 8 = (octet_length(mean)::bigint + 8) * (octet_length(mean) + 8)")
    op.drop_column("listeners", "population_id")  # its constraint and its index go with it
    op.drop_table("populations")


def _votes(columns: list[str]) -> None:
    op.drop_index("ix_votes_listener_id_created_at", "votes")
    op.create_index("ix_votes_listener_id_created_at", "votes", columns)


def _square(rule: str) -> None:
    op.drop_constraint("ck_heads_covariance_is_square", "heads")
    op.create_check_constraint(op.f("ck_heads_covariance_is_square"), "heads", rule)
