"""What goes on beside listeners: jobs that wait, and training runs with what was taken in from their logs."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, Clock


class TrainingRun(Base):
    """One log, taken in up to byte ``bytes``: ``lines`` lines whose SHA-256 is ``digest``.

    ``path`` is the log's below the folder of runs; ``about`` and ``outcome`` are the log's first and last row, where it
    has them; ``size`` and ``logged_at`` are the file's when it was last read.
    """

    __tablename__ = "training_run"
    __table_args__ = (
        CheckConstraint("path <> ''", name="path_is_told"),
        CheckConstraint("lines >= 0 AND bytes >= 0 AND size >= bytes", name="lengths_in_range"),
        CheckConstraint("ended = (outcome IS NOT NULL)", name="ended_with_an_outcome"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    path: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    about: Mapped[dict[str, Any]]
    data_hash: Mapped[str | None]
    commit: Mapped[str | None]
    lines: Mapped[int] = mapped_column(server_default=text("0"))
    bytes: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    digest: Mapped[str] = mapped_column(server_default="")
    size: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    logged_at: Mapped[datetime | None]
    ended: Mapped[bool] = mapped_column(server_default=text("false"))
    outcome: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    taken_at: Mapped[Clock]


class MetricPoint(Base):
    """One figure of a run at a step; ``part`` is what it was measured on (train, validation, …)."""

    __tablename__ = "metric_point"
    __table_args__ = (CheckConstraint("line >= 0 AND step >= 0", name="line_and_step_not_negative"),)

    run_id: Mapped[int] = mapped_column(ForeignKey("training_run.id", ondelete="CASCADE"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    step: Mapped[int]
    part: Mapped[str]
    value: Mapped[float]


class TrackedPrediction(Base):
    """What a run held nearest to one query of its watch-list at a step.

    ``rank``: of the best right item among ``pool``; ``top``: the nearest ``{item, label, score, right}``, best first.
    """

    __tablename__ = "tracked_prediction"
    __table_args__ = (
        CheckConstraint("line >= 0 AND step >= 0", name="line_and_step_not_negative"),
        CheckConstraint("rank BETWEEN 1 AND pool", name="rank_in_pool"),
        CheckConstraint("direction IN ('title_to_melody', 'melody_to_title')", name="direction_is_known"),
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("training_run.id", ondelete="CASCADE"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    step: Mapped[int]
    direction: Mapped[str]
    query: Mapped[str]
    label: Mapped[str]
    pool: Mapped[int]
    rank: Mapped[int]
    top: Mapped[list[dict[str, Any]]]


class StudyResult(Base):
    """One figure of a study, with its interval and what it stands beside.

    ``comparison`` says of what kind it is, ``condition`` of which variant or ablation; null ``genre``: of all genres,
    null ``seed``: of all seeds together; ``read_as``: in a confusion, what ``genre`` was taken for.
    """

    __tablename__ = "study_result"
    __table_args__ = (
        CheckConstraint("line >= 0 AND n >= 0", name="line_and_n_not_negative"),
        CheckConstraint("low <= high", name="interval_in_order"),
        CheckConstraint("p > 0 AND p <= 1", name="p_in_0_1"),
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("training_run.id", ondelete="CASCADE"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    comparison: Mapped[str]
    condition: Mapped[str]
    measure: Mapped[str]
    genre: Mapped[str | None]
    read_as: Mapped[str | None]
    seed: Mapped[int | None]
    value: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    p: Mapped[float | None]
    n: Mapped[int]
    chance: Mapped[float | None]


class Job(Base):
    """One piece of work. While it waits or runs no second job of the same ``dedupe_key`` exists.

    A running job belongs to the holder of ``lease_token`` until ``lease_until``; then anybody may take it.
    A job that is about one listener names them in ``listener_id`` and goes with them.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'running', 'done', 'failed')", name="state_is_known"),
        CheckConstraint(
            "(state = 'running') = (lease_until IS NOT NULL) AND (state = 'running') = (lease_token IS NOT NULL)",
            name="leased_while_running",
        ),
        CheckConstraint("attempts >= 0 AND max_attempts > 0", name="attempts_in_range"),
        Index(
            "uq_jobs_dedupe_key",
            "dedupe_key",
            unique=True,
            postgresql_where=text("state IN ('waiting', 'running')"),
        ),
        Index(
            "ix_jobs_queue",
            text("priority DESC"),
            "run_after",
            "id",
            postgresql_where=text("state IN ('waiting', 'running')"),
        ),
        Index("ix_jobs_listener_id_kind", "listener_id", "kind", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[str]
    payload: Mapped[dict[str, Any]]
    listener_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("listeners.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(server_default="waiting")
    priority: Mapped[int] = mapped_column(server_default=text("0"))
    run_after: Mapped[Clock]
    lease_until: Mapped[datetime | None]
    lease_token: Mapped[uuid.UUID | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    max_attempts: Mapped[int] = mapped_column(server_default=text("5"))
    error: Mapped[str | None]
    result: Mapped[dict[str, Any] | None]
    dedupe_key: Mapped[str | None]
    created_at: Mapped[Clock]
    finished_at: Mapped[datetime | None]
