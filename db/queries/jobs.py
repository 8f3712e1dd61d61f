"""The queue. A worker takes a job with SKIP LOCKED, keeps it by its lease, and a dead worker's job is taken again.

What the processes of one database tell one another at once goes by Postgres' NOTIFY: nothing of it is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from select import select as wait_for_input
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import sql
from sqlalchemy import ColumnElement, Engine, Text, and_, case, cast, delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from db.tables import OWN, Clip, Job

JOBS, VISITS = "kallos_jobs", "kallos_visits"  # a job was left; somebody has asked for something
SILENT_SECONDS = 1.0  # after which whoever listens may do something else
LEASE_S = 30.0
FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 300.0
NEWEST = 15  # jobs by which the next one's wait is told
STOPPED = "stopped"  # why a job failed that somebody ended
WORKER_GONE = "Kallos was stopped before this was done; ask for it again"
REMEMBERED = "found"  # in a payload: what was found while the job was done, for whoever does it again
ACTIVE = text("state IN ('waiting', 'running')")  # the words of the partial indexes
_NO_LEASE: dict[str, Any] = {"lease_until": None, "lease_token": None}


@dataclass(frozen=True)
class TakenJob:
    """A job that is ours until its lease runs out; ``token`` proves it."""

    id: int
    kind: str
    payload: dict[str, Any]
    listener_id: UUID | None
    attempts: int
    token: UUID
    priority: int = 0


def enqueue(
    session: Session,
    kind: str,
    payload: dict[str, Any],
    *,
    dedupe_key: str | None = None,
    listener_id: UUID | None = None,
    priority: int = 0,
    until_composed: int | None = None,
    delay_s: float = 0.0,
    max_attempts: int = 5,
) -> int | None:
    """Leave a job and notify workers; its id, or None where one of the same ``dedupe_key`` waits or runs already.

    ``until_composed`` is its priority while nothing has been composed for the listener's taste.
    """
    urgency: int | ColumnElement[int] = priority
    if until_composed is not None:
        theirs = select(Clip.id).where(Clip.composed_for == listener_id, Clip.kind.in_(OWN))
        urgency = case((theirs.exists(), priority), else_=until_composed)
    new = (
        insert(Job)
        .values(
            kind=kind,
            payload=payload,
            dedupe_key=dedupe_key,
            listener_id=listener_id,
            priority=urgency,
            run_after=func.clock_timestamp() + timedelta(seconds=delay_s),
            max_attempts=max_attempts,
        )
        .on_conflict_do_nothing(index_elements=[Job.dedupe_key], index_where=ACTIVE)
        .returning(Job.id, func.pg_notify(JOBS, ""))
    )
    return session.scalars(new).one_or_none()


def take_job(
    session: Session, kinds: Sequence[str], *, lease_s: float = LEASE_S, least_priority: int | None = None
) -> TakenJob | None:
    """The most urgent job of these kinds that nobody holds, now held by us; None where there is nothing to do.

    With ``least_priority`` none that is less urgent than that.

    Commit at once: the lease holds the job, not the transaction. A job whose lease ran out on its last attempt fails.
    """
    now = func.clock_timestamp()
    expired = and_(Job.state == "running", Job.lease_until < now)
    worn_out = select(Job.id).where(expired, Job.attempts >= Job.max_attempts).with_for_update(skip_locked=True)
    session.execute(
        update(Job)
        .where(Job.id.in_(worn_out))
        .values(state="failed", error=WORKER_GONE, finished_at=now, **_NO_LEASE)
        .execution_options(synchronize_session=False)
    )
    due = and_(Job.state == "waiting", Job.run_after <= now)
    urgent = [] if least_priority is None else [Job.priority >= least_priority]
    candidate = (
        select(Job.id)
        .where(Job.kind.in_(kinds), ACTIVE, or_(due, expired), *urgent)
        .order_by(Job.priority.desc(), Job.run_after, Job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    token = uuid4()
    taken = session.execute(
        update(Job)
        .where(Job.id == candidate.scalar_subquery())
        .values(
            state="running",
            attempts=Job.attempts + 1,
            lease_token=token,
            lease_until=now + timedelta(seconds=lease_s),
        )
        .returning(Job.id, Job.kind, Job.payload, Job.listener_id, Job.attempts, Job.priority)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if taken is None:
        return None
    return TakenJob(taken.id, taken.kind, taken.payload, taken.listener_id, taken.attempts, token, taken.priority)


def extend_lease(session: Session, job: TakenJob, *, lease_s: float = LEASE_S) -> bool:
    """Keep the job for longer; False where it isn't ours any more, or was stopped: stop working on it."""
    until = func.clock_timestamp() + timedelta(seconds=lease_s)
    return _change(session, job, Job.error.is_distinct_from(STOPPED), lease_until=until)


def is_held(session: Session, job: TakenJob) -> bool:
    """Whether the job is still ours; who takes it back meanwhile under the same lock as we hold is seen."""
    ours = select(Job.id).where(Job.id == job.id, Job.state == "running", Job.lease_token == job.token)
    return session.scalar(ours) is not None


def finish_job(session: Session, job: TakenJob, result: dict[str, Any] | None = None) -> bool:
    """Done. False where the job isn't ours any more: roll back what was done for it."""
    payload = Job.payload.op("-")(cast(REMEMBERED, Text))
    now = func.clock_timestamp()
    return _change(session, job, state="done", payload=payload, result=result, error=None, finished_at=now, **_NO_LEASE)


def fail_job(
    session: Session, job: TakenJob, error: str, *, retry: bool = True, result: dict[str, Any] | None = None
) -> bool:
    """Give the job back for a later attempt, each pause twice the last, or for good; False where it isn't ours."""
    limit = session.scalar(select(Job.max_attempts).where(Job.id == job.id)) or 0
    if not retry or job.attempts >= limit:
        ended = {"state": "failed", "finished_at": func.clock_timestamp(), **_NO_LEASE}
        return _change(session, job, error=error, result=result, **ended)
    pause = timedelta(seconds=min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** (job.attempts - 1)))
    return _change(session, job, state="waiting", error=error, run_after=func.clock_timestamp() + pause, **_NO_LEASE)


def tell_progress(session: Session, job: TakenJob, progress: dict[str, Any]) -> bool:
    """Say how far a running job is, where its result will stand; False where it isn't ours any more."""
    return _change(session, job, result=progress)


def remember(session: Session, job: TakenJob, values: Any) -> bool:
    """Keep ``values`` as ``REMEMBERED`` in a job's payload until it is done; False where it isn't ours any more."""
    return _change(session, job, payload=Job.payload.op("||")(cast({REMEMBERED: values}, JSONB)))


def count_under_way(session: Session, kind: str, *, least_priority: int, but: UUID | None = None) -> int:
    """How many jobs of a kind, and at least so urgent, wait or run; those about one listener may be left out."""
    query = select(func.count()).where(Job.kind == kind, Job.priority >= least_priority, ACTIVE)
    if but is not None:
        query = query.where(Job.listener_id.is_distinct_from(but))
    return session.scalars(query.select_from(Job)).one()


def are_under_way(session: Session, kinds: Sequence[str]) -> bool:
    """Whether any job of these kinds waits or runs."""
    return session.scalar(select(select(Job.id).where(Job.kind.in_(kinds), ACTIVE).exists())) or False


def is_over(session: Session, job: TakenJob) -> bool:
    """Whether nobody does this job again, though it isn't done: it failed for good, or was taken back."""
    return session.scalar(select(Job.state).where(Job.id == job.id)) in {None, "failed"}


def release_job(session: Session, job: TakenJob, *, delay_s: float = 0.0) -> bool:
    """Give an unfinished job back uncounted, as a worker does that can't do it now."""
    after = func.clock_timestamp() + timedelta(seconds=delay_s)
    return _change(session, job, state="waiting", attempts=Job.attempts - 1, run_after=after, **_NO_LEASE)


def expire_job(session: Session, job: TakenJob, *, older_than_s: float) -> bool:
    """Give a job up for good that was left this long ago; whether it was, and is ours."""
    limit = func.clock_timestamp() - timedelta(seconds=older_than_s)
    ended = {"state": "failed", "finished_at": func.clock_timestamp(), **_NO_LEASE}
    return _change(session, job, Job.created_at < limit, error=WORKER_GONE, **ended)


def cancel(session: Session, dedupe_keys: Sequence[str]) -> int:
    """Take back what waits or runs under these keys, as if it had never been left; how many jobs that were.

    Whoever works on one finds that it isn't theirs any more when they renew their lease.
    """
    return len(session.scalars(delete(Job).where(Job.dedupe_key.in_(dedupe_keys), ACTIVE).returning(Job.id)).all())


def stop(session: Session, job_id: int) -> None:
    """End a job that isn't done: at once where it waits, else when its worker renews its lease, which it can't."""
    waits = Job.state == "waiting"
    values = {
        "error": STOPPED,
        "state": case((waits, "failed"), else_=Job.state),
        "finished_at": case((waits, func.clock_timestamp()), else_=Job.finished_at),
    }
    session.execute(update(Job).where(Job.id == job_id, ACTIVE).values(values))


def seconds_left(session: Session, job: Job) -> float | None:
    """How long a job that waits or runs will still take, if as long as is usual; None where that isn't known.

    Usual is the median of the newest ones that were done, of its kind and domain and at least as urgent, from leaving
    each to its end. Less than 0 where it takes longer.
    """
    took = func.extract("epoch", Job.finished_at - Job.created_at).label("took")
    alike = (Job.kind == job.kind, Job.priority >= job.priority, Job.state == "done")
    domain = Job.payload["domain"].astext.is_not_distinct_from(job.payload.get("domain"))
    newest = select(took).where(*alike, domain).order_by(Job.id.desc()).limit(NEWEST).subquery()
    median = select(func.percentile_cont(0.5).within_group(newest.c.took)).scalar_subquery()
    waited = func.extract("epoch", func.clock_timestamp() - job.created_at)
    found = session.scalar(select(median - waited))
    return None if found is None else float(found)


def current_job(
    session: Session, kind: str, listener_id: UUID | None, payload: Mapping[str, Any] | None = None
) -> Job | None:
    """The listener's job of this kind that is under way, the most urgent one, or else the last that ended.

    ``payload``: of those whose payload has this, for jobs that are about no listener.
    """
    theirs = select(Job).where(Job.listener_id == listener_id, Job.kind == kind).limit(1)
    if payload is not None:
        theirs = theirs.where(Job.payload.contains(payload))
    theirs = theirs.execution_options(populate_existing=True)
    under_way = session.scalars(theirs.where(ACTIVE).order_by(Job.priority.desc(), Job.id)).one_or_none()
    return under_way or session.scalars(theirs.order_by(Job.id.desc())).one_or_none()


def newest_of(session: Session, dedupe_key: str, job_id: int | None = None) -> Job | None:
    """The last job that was left under this key, whatever became of it; or that of them which has the id ``job_id``."""
    query = select(Job).where(Job.dedupe_key == dedupe_key).order_by(Job.id.desc()).limit(1)
    if job_id is not None:
        query = query.where(Job.id == job_id)
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def change_waiting(session: Session, job_id: int, payload: dict[str, Any]) -> bool:
    """Give a job that nobody has taken yet another payload; whether it still waited."""
    change = update(Job).where(Job.id == job_id, Job.state == "waiting").values(payload=payload)
    return session.scalars(change.returning(Job.id)).one_or_none() is not None


def recent_results(session: Session, within: timedelta) -> list[dict[str, Any]]:
    """What the jobs that were done lately came to; those that tell nothing are left out."""
    done = Job.state == "done"
    query = select(Job.result).where(done, Job.finished_at > func.now() - within)
    return [result for result in session.scalars(query) if result]


def forget_finished(session: Session, *, older_than_s: float = 7 * 86_400) -> int:
    """Delete done and failed jobs that ended this long ago; how many."""
    limit = func.clock_timestamp() - timedelta(seconds=older_than_s)
    return len(session.scalars(delete(Job).where(Job.finished_at < limit).returning(Job.id)).all())


def _change(session: Session, job: TakenJob, *where: ColumnElement[bool], **values: Any) -> bool:
    change = (
        update(Job)
        .where(Job.id == job.id, Job.state == "running", Job.lease_token == job.token, *where)
        .values(values)
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    )
    return session.scalars(change).one_or_none() is not None


class SilentError(Exception):
    """The server is gone, or does not let anybody listen."""


def notify(session: Session, channel: str) -> None:
    """Tell whoever listens, once the transaction is committed."""
    session.execute(select(func.pg_notify(channel, "")))


def listen(engine: Engine, channels: Sequence[str]) -> Iterator[str]:
    """Each channel that was notified, as it comes; an empty one once they are listened to, and after each silence.

    Holds a connection of its own. Raises ``SilentError``.
    """
    try:
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            connection.detach()  # from the pool
            assert isinstance(driver, psycopg.Connection)
            driver.autocommit = True
            for channel in channels:
                driver.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            while True:
                while (notified := driver.pgconn.notifies()) is not None:
                    yield notified.relname.decode()
                yield ""
                wait_for_input([driver], [], [], SILENT_SECONDS)
                driver.pgconn.consume_input()
    except (psycopg.Error, DBAPIError) as error:
        raise SilentError(str(error)) from error
