"""Training runs, their figures, their predictions for a watch-list, and the results of studies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    jsonb = postgresql.JSONB(astext_type=sa.Text())
    op.create_table(
        "training_run",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("about", jsonb, nullable=False),
        sa.Column("data_hash", sa.Text(), nullable=True),
        sa.Column("commit", sa.Text(), nullable=True),
        sa.Column("lines", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("digest", sa.Text(), server_default="", nullable=False),
        sa.Column("size", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("logged_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("ended", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("outcome", jsonb, nullable=True),
        sa.Column("taken_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint("path <> ''", name=op.f("ck_training_run_path_is_told")),
        sa.CheckConstraint(
            "lines >= 0 AND bytes >= 0 AND size >= bytes", name=op.f("ck_training_run_lengths_in_range")
        ),
        sa.CheckConstraint("ended = (outcome IS NOT NULL)", name=op.f("ck_training_run_ended_with_an_outcome")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_run")),
        sa.UniqueConstraint("path", name=op.f("uq_training_run_path")),
    )
    op.create_table(
        "metric_point",
        *_line_of_a_run(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.CheckConstraint("line >= 0 AND step >= 0", name=op.f("ck_metric_point_line_and_step_not_negative")),
        _of_a_run("metric_point"),
        sa.PrimaryKeyConstraint("run_id", "line", "name", name=op.f("pk_metric_point")),
    )
    op.create_table(
        "tracked_prediction",
        *_line_of_a_run(),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("pool", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("top", jsonb, nullable=False),
        sa.CheckConstraint("line >= 0 AND step >= 0", name=op.f("ck_tracked_prediction_line_and_step_not_negative")),
        sa.CheckConstraint("rank BETWEEN 1 AND pool", name=op.f("ck_tracked_prediction_rank_in_pool")),
        sa.CheckConstraint(
            "direction IN ('title_to_melody', 'melody_to_title')",
            name=op.f("ck_tracked_prediction_direction_is_known"),
        ),
        _of_a_run("tracked_prediction"),
        sa.PrimaryKeyConstraint("run_id", "line", name=op.f("pk_tracked_prediction")),
    )
    op.create_table(
        "study_result",
        *_line_of_a_run(),
        sa.Column("comparison", sa.Text(), nullable=False),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("genre", sa.Text(), nullable=True),
        sa.Column("read_as", sa.Text(), nullable=True),
        sa.Column("seed", sa.Integer(), nullable=True),
        *(sa.Column(name, sa.Double(), nullable=True) for name in ("value", "low", "high", "p")),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("chance", sa.Double(), nullable=True),
        sa.CheckConstraint("line >= 0 AND n >= 0", name=op.f("ck_study_result_line_and_n_not_negative")),
        sa.CheckConstraint("low <= high", name=op.f("ck_study_result_interval_in_order")),
        sa.CheckConstraint("p > 0 AND p <= 1", name=op.f("ck_study_result_p_in_0_1")),
        _of_a_run("study_result"),
        sa.PrimaryKeyConstraint("run_id", "line", name=op.f("pk_study_result")),
    )


def downgrade() -> None:
    for table in ("study_result", "tracked_prediction", "metric_point", "training_run"):
        op.drop_table(table)


def _line_of_a_run() -> tuple[sa.Column[int], sa.Column[int]]:
    return sa.Column("run_id", sa.BigInteger(), nullable=False), sa.Column("line", sa.Integer(), nullable=False)


def _of_a_run(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_run_id_training_run")
    return sa.ForeignKeyConstraint(["run_id"], ["training_run.id"], name=name, ondelete="CASCADE")
