"""Training runs: what was taken in from their logs, and what pages and reports ask of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from db.tables import MetricPoint, StudyResult, TrackedPrediction, TrainingRun

OF_A_RUN = (MetricPoint, TrackedPrediction, StudyResult)


def locked_run(session: Session, path: str) -> TrainingRun:
    """The run of the log at ``path``, made where it is new, and ours until the transaction ends."""
    new = upsert(TrainingRun).values(path=path, kind="", about={}).on_conflict_do_nothing(index_elements=["path"])
    session.execute(new)
    query = select(TrainingRun).where(TrainingRun.path == path).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one()


def forget_lines(session: Session, run: TrainingRun, *, first: int, among: Sequence[int] = ()) -> None:
    """Delete what came from the lines ``first`` and after, and from those ``among`` the earlier ones."""
    for table in OF_A_RUN:
        gone: ColumnElement[bool] = table.line >= first
        if among:
            gone = or_(gone, table.line.in_(among))
        session.execute(delete(table).where(table.run_id == run.id, gone))


def add_points(session: Session, run: TrainingRun, rows: Sequence[dict[str, Any]]) -> None:
    """Add figures: ``{line, name, step, part, value}`` each."""
    _add(session, MetricPoint, run, rows)


def add_predictions(session: Session, run: TrainingRun, rows: Sequence[dict[str, Any]]) -> None:
    """Add predictions: ``{line, step, direction, query, label, pool, rank, top}`` each."""
    _add(session, TrackedPrediction, run, rows)


def add_results(session: Session, run: TrainingRun, rows: Sequence[dict[str, Any]]) -> None:
    """Add results of a study, with every column of ``StudyResult`` but the run."""
    _add(session, StudyResult, run, rows)


def _add(session: Session, table: type[Any], run: TrainingRun, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        session.execute(insert(table), [{"run_id": run.id, **row} for row in rows])


def all_runs(session: Session) -> list[TrainingRun]:
    """Every run, the one that was logged to last first."""
    return list(session.scalars(select(TrainingRun).order_by(TrainingRun.logged_at.desc(), TrainingRun.path)))


def run_at(session: Session, path: str) -> TrainingRun | None:
    """The run of this log, or None."""
    return session.scalars(select(TrainingRun).where(TrainingRun.path == path)).one_or_none()


def last_steps(session: Session) -> dict[int, int]:
    """The last step that each run has a figure of, by its id."""
    query = select(MetricPoint.run_id, func.max(MetricPoint.step).label("step")).group_by(MetricPoint.run_id)
    return {row.run_id: row.step for row in session.execute(query)}


def points(session: Session, run_ids: Sequence[int], names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Figures of these runs by line, of these names or all: ``{run_id, step, part, name, value}``."""
    query = select(MetricPoint.run_id, MetricPoint.step, MetricPoint.part, MetricPoint.name, MetricPoint.value).where(
        MetricPoint.run_id.in_(run_ids)
    )
    if names:
        query = query.where(MetricPoint.name.in_(names))
    return _rows(session, query.order_by(MetricPoint.run_id, MetricPoint.line, MetricPoint.name))


def figure_names(session: Session, run_id: int) -> list[str]:
    """The names of all figures of a run."""
    query = select(MetricPoint.name).where(MetricPoint.run_id == run_id).distinct().order_by(MetricPoint.name)
    return list(session.scalars(query))


def watched(session: Session, run_id: int) -> list[dict[str, Any]]:
    """What the run watches: ``{direction, query, label}``, in the order of the log."""
    query = (
        select(TrackedPrediction.direction, TrackedPrediction.query, TrackedPrediction.label)
        .where(TrackedPrediction.run_id == run_id)
        .group_by(TrackedPrediction.direction, TrackedPrediction.query, TrackedPrediction.label)
        .order_by(func.min(TrackedPrediction.line))
    )
    return _rows(session, query)


def predictions(session: Session, run_ids: Sequence[int], direction: str, query: str) -> list[dict[str, Any]]:
    """What these runs held nearest to one query, step by step: ``{run_id, step, pool, rank, top}``."""
    found = select(
        TrackedPrediction.run_id,
        TrackedPrediction.step,
        TrackedPrediction.pool,
        TrackedPrediction.rank,
        TrackedPrediction.top,
    ).where(
        TrackedPrediction.run_id.in_(run_ids),
        TrackedPrediction.direction == direction,
        TrackedPrediction.query == query,
    )
    return _rows(session, found.order_by(TrackedPrediction.run_id, TrackedPrediction.line))


def results(session: Session, run_id: int) -> list[dict[str, Any]]:
    """The results of a study in the order of its log, with the columns of ``StudyResult`` but run and line."""
    columns = [column for column in StudyResult.__table__.columns if column.name not in {"run_id", "line"}]
    return _rows(session, select(*columns).where(StudyResult.run_id == run_id).order_by(StudyResult.line))


def _rows(session: Session, query: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in session.execute(query).mappings()]
