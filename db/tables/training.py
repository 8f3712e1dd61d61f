"""Training runs as their logs tell them: figures at steps, predictions for a watch-list, the results of a study.

Every row has the number of the line it was read from, so that no line is there twice. The log is the truth; a run here
is its copy as far as it has been taken in.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, Clock

DIRECTIONS = ("title_to_melody", "melody_to_title")


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
