"""What researchers see: training runs, as they were taken in from their logs, and drawn maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, insert, or_, select, true
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from db.tables import DrawnMapRow, MetricPoint, StudyResult, TrackedPrediction, TrainingRun

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


def add_map(
    session: Session,
    *,
    kind: str,
    model_version: str,
    data_hash: str,
    seed: int,
    points: int,
    uri: str,
    about: dict[str, Any],
) -> UUID:
    """Store a map; drawn again, the same one keeps its id and learns where its file lies now."""
    values = {
        "kind": kind,
        "model_version": model_version,
        "data_hash": data_hash,
        "seed": seed,
        "points": points,
        "uri": uri,
        "about": about,
    }
    key = [DrawnMapRow.kind, DrawnMapRow.model_version, DrawnMapRow.data_hash, DrawnMapRow.seed]
    new = upsert(DrawnMapRow).values(values)
    again = new.on_conflict_do_update(index_elements=key, set_={"uri": uri, "about": about, "points": points})
    return session.scalars(again.returning(DrawnMapRow.id)).one()


def find_map(session: Session, *, kind: str, model_version: str, data_hash: str, seed: int) -> DrawnMapRow | None:
    """The map that this would draw, where it is there already."""
    same = {"kind": kind, "model_version": model_version, "data_hash": data_hash, "seed": seed}
    return session.scalars(select(DrawnMapRow).filter_by(**same)).one_or_none()


def get_map(session: Session, map_id: UUID) -> DrawnMapRow | None:
    """One map, or None."""
    return session.get(DrawnMapRow, map_id)


def newest_maps(session: Session, model_version: str | None = None) -> dict[str, DrawnMapRow]:
    """The newest map of each kind that there is one of, by one model or by any."""
    newest_first = (DrawnMapRow.created_at.desc(), DrawnMapRow.id)
    place = func.row_number().over(partition_by=DrawnMapRow.kind, order_by=newest_first).label("place")
    of_model = true() if model_version is None else DrawnMapRow.model_version == model_version
    ranked = select(DrawnMapRow.id, place).where(of_model).subquery()
    query = select(DrawnMapRow).join(ranked, ranked.c.id == DrawnMapRow.id).where(ranked.c.place == 1)
    return {row.kind: row for row in session.scalars(query)}
