"""Training runs on their way into the database: all logs below the folder of runs are copied while they grow.

The log is the truth. What was taken in is kept with a digest of those bytes: where the log still begins with them, what
is new is added; where it doesn't (a run was killed and goes on from its last saved state, or begins anew) all of it is
taken again, in one transaction. So a run has no gap and no double, whoever is killed when. The logs that come with
Kallos are put into the folder once, so that no page is empty at first.
"""

from __future__ import annotations

import hashlib
import logging
import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

import models
from db.queries import jobs, research
from db.tables import StudyResult, TrainingRun
from models.experiments.run_log import ParsedLog, parsed
from webapp.runtime.database import Database
from webapp.runtime.settings import Settings

SHIPPED = Path(models.__file__).parent / "weights" / "runs"
NAME = "shipped"


def copy_shipped(settings: Settings) -> bool:
    """Copy them below the folder of runs, once; whether that was done now.

    A folder that the operator named (``KALLOS_RUNS``) is left alone.
    """
    target = settings.home / "runs" / NAME
    if settings.runs_folder != target.parent or target.exists() or not SHIPPED.is_dir():
        return False
    draft = target.with_name(f".{NAME}")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(SHIPPED, draft)
    draft.rename(target)
    return True


log = logging.getLogger(__name__)

KIND = "take_runs"
LOGS = {"log.jsonl": "style", "prior.jsonl": "prior"}  # and the kind of run where the log doesn't say
FOLLOWED = "followed_since"  # what a run's ``about`` has besides what its log says
QUIET_S = 120.0  # a run that hasn't logged for so long has stopped
RESULT = tuple(column.name for column in StudyResult.__table__.columns if column.name not in {"run_id", "line"})


def leave_job(session: Session, folder: Path) -> bool:
    """Leave a job where any log has changed since it was taken in; whether one was left."""
    if not any(_changed(session, folder)):
        return False
    return jobs.enqueue(session, KIND, {}, dedupe_key=KIND) is not None


def ingest_changed(database: Database, settings: Settings) -> dict[str, Any]:
    """Take in every log that has changed, each in a transaction of its own; ``{"logs": …, "lines": …, "refused": …}``.

    A file that is no log of ours is refused, and not read again until it changes.
    """
    folder, lines, refused = settings.runs_folder, 0, 0
    paths = database.transaction(lambda session: list(_changed(session, folder)))
    for path in paths:

        def work(session: Session, path: Path = path) -> int:
            return ingest(session, folder, path)

        def refuse(session: Session, path: Path = path) -> None:
            _refuse(session, folder, path)

        try:
            lines += database.transaction(work)
        except (ValueError, TypeError, KeyError, DataError, IntegrityError, OSError) as error:
            log.warning("run_refused log=%s error=%s", path, error)
            refused += 1
            database.transaction(refuse)
    return {"logs": len(paths), "lines": lines, "refused": refused}


def ingest(session: Session, folder: Path, path: Path) -> int:
    """Bring the database's copy of the log at ``path`` up to date; how many lines were new to it."""
    run = research.locked_run(session, path.relative_to(folder).as_posix())
    seen, data = path.stat(), path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    same = run.bytes <= len(whole) and hashlib.sha256(whole[: run.bytes]).hexdigest() == run.digest
    known = run.lines if same else 0
    told = parsed(whole)
    found = told.rows
    since = _followed_since(run if same else None, seen.st_mtime_ns, found)
    kept = {row["line"] for row in found}
    research.forget_lines(session, run, first=known, among=[line for line in range(known) if line not in kept])
    fresh = [row for row in found if row["line"] >= known]
    research.add_points(session, run, [point for row in fresh for point in _points(row)])
    predicted = ("line", "step", "direction", "query", "label", "pool", "rank", "top")
    research.add_predictions(session, run, [_part(row, predicted) for row in fresh if row["kind"] == "prediction"])
    results = [{name: row.get(name) for name in ("line", *RESULT)} for row in fresh if row["kind"] == "result"]
    research.add_results(session, run, results)
    _describe(run, path, told)
    if since:
        run.about = {**run.about, FOLLOWED: since}
    run.lines, run.bytes, run.digest = whole.count(b"\n"), len(whole), hashlib.sha256(whole).hexdigest()
    run.size, run.logged_at = len(data), _time_of(seen.st_mtime_ns)
    run.taken_at = datetime.now(UTC)
    session.flush()
    return run.lines - known


def _refuse(session: Session, folder: Path, path: Path) -> None:
    """Forget what was taken in from a file that can't be read any more, and remember how it was."""
    if not path.exists():
        return
    run, seen = research.locked_run(session, path.relative_to(folder).as_posix()), path.stat()
    research.forget_lines(session, run, first=0)
    run.kind, run.about, run.lines, run.bytes, run.digest = "unreadable", {}, 0, 0, ""
    run.ended, run.outcome = False, None
    run.size, run.logged_at = seen.st_size, _time_of(seen.st_mtime_ns)


def _describe(run: TrainingRun, path: Path, told: ParsedLog) -> None:
    """What the run is and how it ended, as its first and last row say, and how many of its lines are broken."""
    found = told.rows
    about = dict(found[0]) if found and found[0]["kind"] == "run" else {}
    run.kind = about.get("what", "titles") if about else LOGS[path.name]
    if told.broken:
        log.warning("run_broken log=%s lines=%d", path, told.broken)
        about["broken_lines"] = told.broken
    run.about, run.data_hash, run.commit = about, about.get("data"), about.get("commit")
    run.ended = bool(found) and found[-1]["kind"] == "end"
    run.outcome = dict(found[-1]) if run.ended else None


def _followed_since(run: TrainingRun | None, now_ns: int, found: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The step and time from which on this run was seen to go without a pause: how fast it goes is told from there.

    Logs have no times in them, so that a run that was killed and taken up writes the same lines again.
    """
    step = max((row["step"] for row in found if row["kind"] == "metrics"), default=None)
    if step is None:
        return None
    now = _time_of(now_ns)
    known: dict[str, Any] | None = run.about.get(FOLLOWED) if run else None
    if run and run.logged_at and known and (now - run.logged_at).total_seconds() <= QUIET_S:
        return known
    return {"step": step, "at": now.isoformat()}


def _points(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The figures of one line of a log; what is no number is left out."""
    if row["kind"] == "metrics":
        for name, value in row["values"].items():
            if isinstance(value, int | float) and math.isfinite(value):
                yield {**_part(row, ("line", "step", "part")), "name": name, "value": float(value)}


def _part(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: row[name] for name in names}


def _changed(session: Session, folder: Path) -> Iterator[Path]:
    """The logs below ``folder`` that are longer, shorter or newer than when they were last read."""
    if not folder.is_dir():
        return
    known = {run.path: (run.size, run.logged_at) for run in research.all_runs(session)}
    for path in sorted(path for name in LOGS for path in folder.rglob(name)):
        try:
            seen = path.stat()
        except OSError:  # its folder is just being deleted, or closed to us
            continue
        if known.get(path.relative_to(folder).as_posix()) != (seen.st_size, _time_of(seen.st_mtime_ns)):
            yield path


def _time_of(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // 1000 / 1_000_000, UTC)
