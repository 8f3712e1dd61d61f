"""``/healthz``: whether pairs can be served, and how each part is."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from db.queries import statistics
from db.tables import Job
from models.music.notes import DOMAINS
from webapp.runtime.version import VERSION, commit

if TYPE_CHECKING:
    from webapp.supervision import Supervision

COUNTED_HOURS = 24


def report(stage: Supervision) -> tuple[dict[str, Any], bool]:
    """The report and whether a pair can be served: the database answers and the first domain has two clips."""
    generator = stage.generator_state
    state: dict[str, Any] = {
        "status": "starting",
        "database": "starting",
        "generator": generator,
        "pool": dict.fromkeys(DOMAINS, 0),
        "version": VERSION,
        "commit": commit(),
    }
    if not stage.ready.is_set():
        return state, False
    try:
        counts, thrown = stage.context.database.transaction(
            lambda session: (statistics.counts(session), thrown_away(session)), patience_s=0.0
        )
    except SQLAlchemyError:
        state.update(status="down", database="down")
        return state, False
    state["database"] = "ok"
    state["pool"] |= counts["pool"]
    state.update(jobs=counts["jobs"], thrown_away=thrown)
    able = state["pool"][DOMAINS[0]] >= 2
    well = generator.get("status") == "ok"
    state["status"] = ("ok" if well else "degraded") if able else "starting"
    return state, able


def thrown_away(session: Session) -> dict[str, Any]:
    """``{composed, thrown, share, reasons}`` of the last day's jobs."""
    since = func.now() - timedelta(hours=COUNTED_HOURS)
    results = session.scalars(select(Job.result).where(Job.state == "done", Job.finished_at > since))
    reasons: Counter[str] = Counter()
    composed = 0
    for result in results:
        composed += (result or {}).get("composed", 0)
        reasons.update((result or {}).get("thrown", {}))
    thrown = sum(reasons.values())
    share = round(thrown / composed, 4) if composed else 0.0
    return {"composed": composed, "thrown": thrown, "share": share, "reasons": dict(reasons)}
