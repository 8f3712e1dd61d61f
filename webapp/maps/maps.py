"""Which maps there are, how far one is that is being drawn, and asking for another."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from db.queries import jobs
from db.queries import maps as rows
from db.tables import DrawnMapRow, Job
from models.atlas.points import KINDS
from webapp.runtime.database import Database
from webapp.runtime.errors import NotAllowed, NotYours

KIND = "draw_map"
PRIORITY = -10  # after everything that somebody waits for
SEED = 0
PAUSE = timedelta(minutes=10)  # between two drawings of a kind, whoever asks
TITLES = {"clips": "Clips", "tunes": "Tunes", "titles": "Titles", "joint": "Titles and tunes"}
EXPLAINED = {
    "clips": "Pieces composed by Kallos and excerpts of collections, near each other where they are played alike: "
    "rhythm, register, harmony, dynamics, tempo and texture count the same.",
    "tunes": "Dance tunes, near each other where the melody tower hears them alike.",
    "titles": "Titles of dance tunes, near each other where the title tower reads them alike. Each plays its tune.",
    "joint": "Titles and tunes in one space. A line leads from the chosen title to its tunes: most are long, for a "
    "title says little of its tune.",
}


def overview(database: Database) -> list[dict[str, Any]]:
    """Every kind of map in order: ``{kind, title, explained, map, job}``; ``map`` and ``job`` may be None."""

    def work(session: Session) -> list[dict[str, Any]]:
        newest = rows.newest_maps(session)
        return [
            {
                "kind": kind,
                "title": TITLES[kind],
                "explained": EXPLAINED[kind],
                "map": told(newest[kind]) if kind in newest else None,
                "job": _job(jobs.newest_of(session, f"{KIND}:{kind}")),
            }
            for kind in KINDS
        ]

    return database.transaction(work)


def by_id(database: Database, map_id: uuid.UUID) -> dict[str, Any]:
    """One map as ``overview`` tells it; raises ``NotYours``."""

    def work(session: Session) -> dict[str, Any]:
        row = rows.get_map(session, map_id)
        if row is None:
            raise NotYours(f"there is no map {map_id} (any more); GET /api/atlas tells which there are")
        return told(row)

    return database.transaction(work)


def told(row: DrawnMapRow) -> dict[str, Any]:
    """What is known about a map, without its points."""
    return {
        "map_id": str(row.id),
        "kind": row.kind,
        "points": row.points,
        "model_version": row.model_version,
        "data_hash": row.data_hash,
        "seed": row.seed,
        "commit": row.about.get("commit", "unknown"),
        "drawn_at": row.created_at.isoformat(),
        "colours": row.about["colours"],
        "quality": row.about["quality"],
        "left_out": row.about.get("left_out"),
    }


def ask(database: Database, kind: str) -> dict[str, Any]:
    """Leave a job to draw a map, or find the one that waits, runs or is just done: ``{state, stage, share, error}``."""
    if kind not in KINDS:
        raise NotAllowed(f"a map of {kind!r} was asked for; there are {', '.join(KINDS)}")

    def work(session: Session) -> dict[str, Any]:
        payload = {"kind": kind, "seed": SEED}
        key = f"{KIND}:{kind}"
        last = jobs.newest_of(session, key)
        if last and last.state == "done" and last.finished_at and datetime.now(UTC) - last.finished_at < PAUSE:
            return _job(last) or {}
        jobs.enqueue(session, KIND, payload, dedupe_key=key, priority=PRIORITY, max_attempts=2)
        return _job(jobs.newest_of(session, key)) or {}

    return database.transaction(work)


def _job(job: Job | None) -> dict[str, Any] | None:
    if job is None:
        return None
    progress = job.result if job.state == "running" and job.result else {}
    return {
        "state": job.state,
        "stage": progress.get("stage", ""),
        "share": progress.get("share", 0.0),
        "error": job.error if job.state == "failed" else None,
    }
