"""Which maps there are, asking for another, and how far one is that is being drawn: in time, and not in steps."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

from sqlalchemy.orm import Session

from db.queries import jobs, research
from db.tables import DrawnMapRow, Job
from models.atlas.points import KINDS
from webapp.runtime.database import Database, in_transaction
from webapp.runtime.errors import NotAllowed, NotYours

JobState = Literal["waiting", "running", "done", "failed"]
KIND = "draw_map"
PRIORITY = -10  # after everything that somebody waits for
SEED = 0
PAUSE = timedelta(minutes=10)  # between two drawings of a kind, whoever asks
TITLES = {"clips": "Clips", "tunes": "Tunes", "titles": "Titles", "joint": "Titles and tunes", "pictures": "Pictures"}
EXPLAINED = {
    "clips": "Composed pieces and excerpts of collections. Those that are played alike lie near each other.",
    "tunes": "Dance tunes. Those that sound alike to the model lie near each other.",
    "titles": "Titles that read alike to the model lie near each other. Each plays its tune.",
    "joint": "Titles and tunes in one space. A line leads from a title to its tunes.",
    "pictures": "Drawings that look alike to the picture model lie near each other. Each plays the music tied to it.",
}
# Seconds of each stage on two cores of a server, for 5,700 excerpts that nobody has parsed before. What the last
# drawing took here replaces them.
USUAL_SECONDS = {
    "Reading the music": 150.0,
    "Encoding it": 60.0,
    "Finding neighbours": 5.0,
    "Drawing": 45.0,
    "Measuring how true it is": 25.0,
}
STAGES = tuple(USUAL_SECONDS)
LEAST_SHARE = 0.05  # of a stage that must be over before its own speed says more than what was expected
LEAST_SECONDS = 3.0  # before which nothing is said of the time left
CACHED = STAGES[0]  # the second time it takes no time, so its speed says nothing of the others'
SLOWEST, FASTEST = 5.0, 0.2  # times the expected


@dataclass(frozen=True)
class LeftOut:
    """Pieces that are not on a map."""

    pieces: int
    why: str


@dataclass(frozen=True)
class MapEntry:
    """A map without its points; ``quality`` as ``models.atlas.quality.Quality`` tells it, each figure with chance.

    ``left_out``: how many pieces of the collections are not on it and why; None for maps of earlier versions.
    ``shipped``: it came with the weights, and ``drawn_at`` is when it was installed.
    """

    map_id: str
    kind: str
    points: int
    model_version: str
    data_hash: str
    seed: int
    commit: str | None
    drawn_at: str
    colours: list[str]
    quality: dict[str, Any]
    left_out: LeftOut | None
    shipped: bool


@dataclass(frozen=True)
class DrawingJob:
    """A job that draws a map: waiting, running, done or failed, at which stage, and which share of its time is over.

    ``seconds_left``: how long it will still take, as far as that is known.
    """

    state: JobState
    stage: str
    share: float
    seconds_left: float | None
    error: str | None


@dataclass(frozen=True)
class KindOfMap:
    """One kind of map: the newest one and the newest job, where there are any."""

    kind: str
    title: str
    explained: str
    map: MapEntry | None
    job: DrawingJob | None


@in_transaction
def overview(session: Session) -> list[KindOfMap]:
    """Every kind of map in order."""
    newest = research.newest_maps(session)
    return [
        KindOfMap(
            kind=kind,
            title=TITLES[kind],
            explained=EXPLAINED[kind],
            map=_entry(newest[kind]) if kind in newest else None,
            job=_job(jobs.newest_of(session, f"{KIND}:{kind}")),
        )
        for kind in KINDS
    ]


@in_transaction
def by_id(session: Session, map_id: uuid.UUID) -> MapEntry:
    """One map; raises ``NotYours``."""
    row = research.get_map(session, map_id)
    if row is None:
        raise NotYours(f"there is no map {map_id} (any more); GET /api/atlas tells which there are")
    return _entry(row)


def request_drawing(database: Database, kind: str) -> DrawingJob:
    """Leave a job to draw a map, or find the one that waits, runs or is just done."""
    if kind not in KINDS:
        raise NotAllowed(f"a map of {kind!r} was asked for; there are {', '.join(KINDS)}")

    def work(session: Session) -> DrawingJob | None:
        payload = {"kind": kind, "seed": SEED}
        key = f"{KIND}:{kind}"
        last = jobs.newest_of(session, key)
        if last and last.state == "done" and last.finished_at and datetime.now(UTC) - last.finished_at < PAUSE:
            return _job(last)
        jobs.enqueue(session, KIND, payload, dedupe_key=key, priority=PRIORITY, max_attempts=2)
        return _job(jobs.newest_of(session, key))

    return database.transaction(work) or DrawingJob("waiting", "", 0.0, None, None)


def _entry(row: DrawnMapRow) -> MapEntry:
    left_out = row.about.get("left_out")
    return MapEntry(
        map_id=str(row.id),
        kind=row.kind,
        points=row.points,
        model_version=row.model_version,
        data_hash=row.data_hash,
        seed=row.seed,
        commit=row.about.get("commit", "unknown"),
        drawn_at=row.created_at.isoformat(),
        colours=row.about["colours"],
        quality=row.about["quality"],
        left_out=LeftOut(left_out["pieces"], left_out["why"]) if left_out else None,
        shipped=bool(row.about.get("shipped")),
    )


def _job(job: Job | None) -> DrawingJob | None:
    if job is None:
        return None
    progress = job.result if job.state == "running" and job.result else {}
    error = job.error if job.state == "failed" else None
    stage, share, left = progress.get("stage", ""), progress.get("share", 0.0), progress.get("seconds_left")
    return DrawingJob(cast("JobState", job.state), stage, share, left, error)


@dataclass(frozen=True)
class Progress:
    """The stage a drawing is at, the share of its time that is behind it, and the seconds that are left, if known."""

    stage: str
    share: float
    seconds_left: float | None


class Stopwatch:
    """Turns what stages tell into ``Progress``.

    Args:
        expected: Seconds that stages took the last time; those that it lacks are taken from ``USUAL_SECONDS``.
        clock: Seconds that go on, for tests.
    """

    def __init__(
        self, expected: Mapping[str, float] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._expected = {**USUAL_SECONDS, **(expected or {})}
        self._clock = clock
        self._began = self._stage_began = clock()
        self._stage = STAGES[0]
        self._share = 0.0
        self.seconds: dict[str, float] = {}

    def at(self, stage: str, share: float) -> Progress:
        """``share`` of a stage is done, and of those before it all."""
        now = self._clock()
        if stage != self._stage:
            self.seconds[self._stage] = now - self._stage_began
            self._stage, self._stage_began = stage, now
        spent, expected = now - self._stage_began, self._expected[stage]
        here = spent * (1 - share) / share if share >= LEAST_SHARE else max(expected * self._pace() - spent, 0.0)
        later = sum(self._expected[each] for each in STAGES[STAGES.index(stage) + 1 :]) * self._pace()
        elapsed, left = now - self._began, here + later
        self._share = max(self._share, elapsed / max(elapsed + left, 1e-9))
        known = elapsed >= LEAST_SECONDS and (share >= LEAST_SHARE or stage != STAGES[0])
        return Progress(stage, self._share, left if known else None)

    def end(self) -> dict[str, float]:
        """Seconds that each stage took; nothing comes after."""
        self.seconds[self._stage] = self._clock() - self._stage_began
        return {stage: round(seconds, 1) for stage, seconds in self.seconds.items()}

    def _pace(self) -> float:
        """How many times as long as expected the stages took that are over."""
        over = [stage for stage in self.seconds if stage != CACHED]
        expected = sum(self._expected[stage] for stage in over)
        took = sum(self.seconds[stage] for stage in over)
        return min(SLOWEST, max(FASTEST, took / expected)) if expected > 0 else 1.0
