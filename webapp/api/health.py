"""``/healthz``: whether pairs can be served, and how each part is."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from db.queries import jobs, statistics
from models.music.notes import DOMAINS
from webapp.learning.playable_clips import ALL_DOMAINS
from webapp.runtime.database import Database
from webapp.runtime.version import VERSION, commit

if TYPE_CHECKING:
    from webapp.supervision import Supervision

COUNTED = timedelta(days=1)
LEAST_FREE = 32_000_000  # bytes: two segments of Postgres' log
PATIENCE_S = 2.0  # in which the database answers, or is said to be down
_asker = ThreadPoolExecutor(1, thread_name_prefix="healthz")
_asking = threading.Lock()
_asked: list[Future[tuple[dict[str, Any], list[dict[str, Any]]]]] = []


def report(supervision: Supervision) -> tuple[dict[str, Any], bool]:
    """The report and whether a pair can be served: the database answers and the first domain has two clips."""
    generator = supervision.generator_state
    state: dict[str, Any] = {
        "status": "starting",
        "database": "starting",
        "generator": generator,
        "pool": dict.fromkeys(ALL_DOMAINS, 0),
        "version": VERSION,
        "commit": commit(),
    }
    if not has_room(supervision.context.settings.home):
        state.update(status="full", disk="full")
        return state, False
    if not supervision.ready.is_set():
        if supervision.trouble:
            state.update(status="down", database="down")
        return state, False
    try:
        counts, results = _in_time(supervision.context.database)
    except (SQLAlchemyError, TimeoutError):
        state.update(status="down", database="down")
        return state, False
    state["database"] = "ok"
    state["pool"] |= counts["pool"]
    state.update(jobs=counts["jobs"], thrown_away=thrown_away(results))
    able = state["pool"][DOMAINS[0]] >= 2
    well = generator.get("status") == "ok"
    state["status"] = ("ok" if well else "degraded") if able else "starting"
    return state, able


def has_room(folder: Path) -> bool:
    """Whether the disk of ``folder`` takes what listeners give."""
    return shutil.disk_usage(folder).free >= LEAST_FREE


def _in_time(database: Database) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the report tells of the rows; raises ``TimeoutError`` where the database hangs."""
    with _asking:
        if not _asked or _asked[-1].done():
            _asked[:] = [_asker.submit(_read, database)]
        answer = _asked[-1]
    return answer.result(PATIENCE_S)


def _read(database: Database) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return database.transaction(
        lambda session: (statistics.counts(session), jobs.recent_results(session, COUNTED)), patience_s=0.0
    )


def thrown_away(results: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """``{composed, thrown, share, reasons}`` of what jobs came to."""
    reasons: Counter[str] = Counter()
    composed = 0
    for result in results:
        composed += result.get("composed", 0)
        reasons.update(result.get("thrown", {}))
    thrown = sum(reasons.values())
    share = round(thrown / composed, 4) if composed else 0.0
    return {"composed": composed, "thrown": thrown, "share": share, "reasons": dict(reasons)}
