"""One worker: takes a job after the other, does what is to be done about its kind, and leaves those that are due.

A job is a worker's own as long as its lease is renewed; that of a killed worker runs out. One that is nobody's any
more, since it was cancelled or its listener deleted, ends where it asks the generator next. Other processes tell the
workers of this one that a job was left, or that somebody has asked for something.
"""

from __future__ import annotations

import logging
import math
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from db import migrate
from db.embedded import EmbeddedPostgresError
from db.queries import jobs
from db.queries.jobs import JOBS, VISITS, SilentError, TakenJob, listen
from db.tables import PICTURES
from models.style.drafts import Draft
from webapp.composing import pool, whole_pieces, wishes
from webapp.composing.wishes import JobInHand
from webapp.context import Context
from webapp.film import scored_films, shown_music
from webapp.generation.protocol import BadRequest, Cancelled, GenerationError, GeneratorUnavailable, QueueFull
from webapp.learning import population, refits
from webapp.listeners import accounts
from webapp.maps import catalogue, drawing
from webapp.maps.catalogue import Progress
from webapp.rating import agents, dreams
from webapp.research import training_runs
from webapp.research.training_runs import copy_shipped
from webapp.runtime import middleware
from webapp.runtime.database import Database
from webapp.runtime.errors import NobodyWaits
from webapp.runtime.listener_files import KEPT_S, Downloads, StudyClips
from webapp.runtime.long_tasks import BrokenOff, ElsewhereError, LongTask
from webapp.runtime.waiting import heeding
from webapp.sharing import for_two
from webapp.studies import clips as study_clips

Handler = Callable[[Context, TakenJob], dict[str, Any]]
log = logging.getLogger(__name__)
LEASE_SECONDS = 15.0
RENEW_SECONDS = 1.0  # and so soon a worker knows that a job was cancelled
RETRY_SECONDS = 2.0  # between attempts to hear of jobs from the database
IDLE_SECONDS = 0.25  # between looks for a job, where nothing tells that one was left
LOOK_SECONDS = 1.0  # between looks at what the pool needs: six queries
QUIET_SECONDS = 5.0  # between looks at anything, once nobody has been here for a while
LONGEST_WAIT_SECONDS = 5.0  # between questions to a generator that is down
START_SECONDS = 30.0  # in which database and generator may start; who is later is told of
HOUSEKEEPING_SECONDS = 3600.0
ELSEWHERE_SECONDS = 2.0  # until a job is taken again whose folder another worker has
EXPIRY_SECONDS = 300.0  # between looks at who came and left nothing
POPULATION_SECONDS = 60.0  # between looks at whether votes have grown enough to learn from them what listeners share


def _compose_for(context: Context, job: TakenJob) -> dict[str, Any]:
    in_hand = JobInHand(context.database, job)
    composer = context.picture_composer if in_hand.is_of_pictures else context.listener_composer
    return composer.do(in_hand).to_json()


def _compose_whole(context: Context, job: TakenJob) -> dict[str, Any]:
    return context.whole_piece_composer.do(JobInHand(context.database, job))


def _compose_for_two(context: Context, job: TakenJob) -> dict[str, Any]:
    duet = uuid.UUID(str(job.payload["duet"]))
    in_hand = JobInHand(context.database, job)
    return context.duet_composer.compose(duet, in_hand.domain, in_hand.seed, in_hand.report).to_json()


def _fill_pool(context: Context, job: TakenJob) -> dict[str, Any]:
    maker = context.picture_maker if job.payload["domain"] == PICTURES else context.clip_maker
    return pool.fill(maker, job.payload, context.settings.pool)


def _refit_heads(context: Context, job: TakenJob) -> dict[str, Any]:  # noqa: ARG001
    return refits.refit_heads(context.database, context.spaces)


def _refit_population(context: Context, job: TakenJob) -> dict[str, Any]:
    space = context.picture_space if job.payload.get("pictures") else context.space
    return population.refit_population(
        context.database, context.journal, space, context.playable, str(job.payload["study"])
    )


def _encode_clips(context: Context, job: TakenJob) -> dict[str, Any]:  # noqa: ARG001
    return refits.encode_clips(context.database, context.journal, context.generation, context.space)


def _take_runs(context: Context, job: TakenJob) -> dict[str, Any]:  # noqa: ARG001
    return training_runs.ingest_changed(context.database, context.settings)


def _draw_map(context: Context, job: TakenJob) -> dict[str, Any]:
    in_hand = JobInHand(context.database, job)

    def tell(progress: Progress) -> None:
        in_hand.report(asdict(progress))

    kind, seed, limit = str(job.payload["kind"]), int(job.payload["seed"]), job.payload.get("limit")
    return asdict(drawing.draw(context.atlas, kind, seed, tell, limit))


HANDLERS: dict[str, Handler] = {
    wishes.KIND: _compose_for,
    whole_pieces.KIND: _compose_whole,
    for_two.KIND: _compose_for_two,
    pool.KIND: _fill_pool,
    refits.ENCODING: _encode_clips,
    refits.KIND: _refit_heads,
    population.KIND: _refit_population,
    catalogue.KIND: _draw_map,
}


def _run(task: LongTask) -> Handler:
    def handle(context: Context, job: TakenJob) -> dict[str, Any]:
        task.run(context.settings.home, job)
        return {}

    return handle


def _make_study_clips(context: Context, job: TakenJob) -> dict[str, Any]:
    home = context.settings.home
    return study_clips.do(context.database, context.journal, context.clip_store, home, job)


LONG_HANDLERS: dict[str, Handler] = {
    **{task.kind: _run(task) for task in (dreams.TASK, agents.TASK, scored_films.TASK, shown_music.TASK)},
    study_clips.TASK.kind: _make_study_clips,
}

RUN_LOG_HANDLERS: dict[str, Handler] = {training_runs.KIND: _take_runs}


class Lease:
    """Keeps a job ours while it is worked on."""

    def __init__(self, context: Context, job: TakenJob, lease_s: float) -> None:
        self._context, self._job, self._lease_s = context, job, lease_s
        self._done, self._lost = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease {job.id}", daemon=True)

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def holds(self) -> bool:
        """Whether the job was still ours when that was last asked."""
        return not self._lost.is_set()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _renew(self) -> None:
        def extend(session: Session) -> bool:
            return jobs.extend_lease(session, self._job, lease_s=self._lease_s)

        while not self._done.wait(RENEW_SECONDS):
            try:
                if not self._context.database.transaction(extend):
                    self._lost.set()
                    return
            except DBAPIError as error:
                log.warning("lease_not_renewed job=%d error=%s", self._job.id, error)


class Notifications:
    """Listens in a thread of its own from ``start`` on; ``listening`` says whether it hears anything at the moment."""

    def __init__(self, database: Database) -> None:
        self.listening = False
        self._database = database
        self._changed = threading.Condition()
        self._count = 0
        self._visited = -math.inf
        self._ended = threading.Event()
        self.thread = threading.Thread(target=self._listen_forever, name="notifications", daemon=True)

    def start(self) -> None:
        """Listen until ``stop``."""
        self.thread.start()

    def stop(self) -> None:
        """Wake everybody who waits; nothing more comes."""
        self._ended.set()
        self.take("")

    def take(self, channel: str) -> None:
        """One has come."""
        with self._changed:
            self._count += 1
            if channel == VISITS:
                self._visited = time.monotonic()
            self._changed.notify_all()

    def wait(self, seen: int, seconds: float) -> int:
        """Wait until there are more than ``seen``, or so many seconds have passed; how many there are then."""
        with self._changed:
            self._changed.wait_for(lambda: self._count > seen or self._ended.is_set(), seconds)
            return self._count

    def visited_s(self) -> float:
        """Seconds since somebody is known to have asked for something; infinite where nobody has."""
        return time.monotonic() - self._visited

    def _listen_forever(self) -> None:
        while not self._ended.is_set():
            try:
                for channel in listen(self._database.engine, (JOBS, VISITS)):
                    if self._ended.is_set():
                        return
                    if channel or not self.listening:  # something may have been missed before
                        self.listening = True
                        self.take(channel)
            except (SilentError, DBAPIError, EmbeddedPostgresError) as error:
                log.info("notifications_lost error=%s", error)
            self.listening = False
            self._ended.wait(RETRY_SECONDS)


class Worker:
    """Works until ``stop``; begins a job as soon as it is told of it by ``notifications``."""

    idle_s = IDLE_SECONDS
    lease_s = LEASE_SECONDS

    def __init__(
        self,
        context: Context,
        handlers: Mapping[str, Handler] = HANDLERS,
        notifications: Notifications | None = None,
    ) -> None:
        self.context = context
        self.notifications = notifications or Notifications(context.database)
        self._handlers = handlers
        self._stopping = threading.Event()
        self._heard = 0
        self._worked = time.monotonic()
        self._housekeeping = self._expiry = self._populations = 0.0
        self._warm = False
        self._changing = True  # of model: nothing is known yet

    def stop(self) -> None:
        """Finish the job in hand and no other."""
        self._stopping.set()
        self.notifications.stop()

    def wait_for_schema(self) -> bool:
        """Wait until somebody has brought the database up to date; False where we are told to stop before."""
        newest = migrate.newest_revision()
        quiet_until = time.monotonic() + START_SECONDS
        while not self._stopping.is_set():
            try:
                found = migrate.current_revision(self.context.database.open())
                reason = f"the database is at {found or 'nothing'}, this version needs {newest}: run kallos db upgrade"
                if found == newest:
                    return True
            except (DBAPIError, EmbeddedPostgresError) as error:
                reason = str(error)
            if time.monotonic() > quiet_until:
                quiet_until = time.monotonic() + 10
                log.info("waiting_for_database reason=%s", reason)
            self._stopping.wait(0.2)
        return False

    def run(self) -> None:
        """Work until told to stop."""
        looked = -math.inf
        worked = True
        while not self._stopping.is_set():
            if look := worked or time.monotonic() >= looked + LOOK_SECONDS:
                looked = time.monotonic()
            try:
                worked = self.step(look=look)
            except (DBAPIError, EmbeddedPostgresError) as error:
                log.warning("database_unavailable error=%s", error)
                worked = False
            if worked:
                self._worked = time.monotonic()
            else:
                self.warm_up()
                self._rest()

    def _rest(self) -> None:
        """Wait for something to do."""
        heard = self.notifications
        if not heard.listening:
            self._stopping.wait(self.idle_s)
            return
        quiet = min(heard.visited_s(), time.monotonic() - self._worked) > middleware.QUIET_SECONDS
        self._heard = heard.wait(self._heard, QUIET_SECONDS if quiet else LOOK_SECONDS)

    def put_first_drafts(self) -> None:
        """Put the drafts that come with the weights into the bank, before anything is drawn for it."""
        try:
            if self.context.bank.put_first():
                log.info("first_drafts_put version=%s", self.context.style.version)
        except (OSError, ValueError) as error:
            log.warning("first_drafts_not_put error=%s", error)

    def put_shipped(self) -> None:
        """Put the maps and logs that come with Kallos where pages find them, so that none is empty at first."""
        try:
            if copy_shipped(self.context.settings):
                log.info("shipped_runs_copied folder=%s", self.context.settings.runs_folder)
            if kinds := drawing.keep_shipped(self.context.atlas):
                log.info("shipped_maps_kept kinds=%s", ",".join(kinds))
        except (DBAPIError, EmbeddedPostgresError, OSError, ValueError) as error:
            log.warning("shipped_not_put error=%s", error)

    def step(self, *, look: bool = True) -> bool:
        """Do one job, after leaving those that are due where we ``look`` for them; whether there was one."""
        if look:
            self.leave_jobs()
        job = self.context.database.transaction(self._take)
        if job is None:
            return False
        self._hold(job)
        return True

    def warm_up(self) -> None:
        """Make the piano's sounds now, once, so that those who come first don't wait for them."""
        if not self._warm:
            from models.music.render import warm_up  # noqa: PLC0415 (the piano, only where it is needed)

            warm_up()
            self._warm = True

    def _take(self, session: Session) -> TakenJob | None:
        """The next job; while first clips are composed, none that can wait."""
        waiting = jobs.count_under_way(session, wishes.KIND, least_priority=wishes.FIRST_PRIORITY)
        least = wishes.UNASKED_PRIORITY if waiting else None
        return jobs.take_job(session, list(self._handlers), lease_s=self.lease_s, least_priority=least)

    def _hold(self, job: TakenJob) -> None:
        def wanted(session: Session) -> bool:
            return jobs.is_held(session, job)

        lease = Lease(self.context, job, self.lease_s)
        with lease, heeding(lambda: lease.holds() and self._goes_on(), wanted):
            self._do(job)

    def _goes_on(self) -> bool:
        """Whether the job in hand is worked on; it is finished by a worker that is told to stop."""
        return True

    def leave_jobs(self) -> None:
        """Leave a job for the pool where it needs clips, and what a new model asks for."""
        transaction = self.context.database.transaction
        versions = {"version": self.context.space.version, "pictures": self.context.picture_space.version}
        transaction(lambda session: pool.leave_job(session, base=self.context.settings.pool, **versions))
        if time.monotonic() > self._housekeeping:
            self._housekeeping = time.monotonic() + HOUSEKEEPING_SECONDS
            transaction(jobs.forget_finished)
            self._changing = True
        if time.monotonic() > self._expiry:
            self._expiry = time.monotonic() + EXPIRY_SECONDS
            accounts.expire(self.context.records)
            for folder in (Downloads, StudyClips):
                folder(self.context.settings.home).clear()
        if time.monotonic() > self._populations:
            self._populations = time.monotonic() + POPULATION_SECONDS
            transaction(lambda session: population.leave_jobs(session, self.context.spaces))
        if self._changing:
            self._changing = transaction(self._adopt)

    def _adopt(self, session: Session) -> bool:
        """Leave what a new model asks for: clips encoded, then heads fitted; whether anything is left to do."""
        version = self.context.space.version
        if refits.older_clips(session, version, 1):
            refits.leave_encoding(session, version)
            return True
        refits.leave_job(session, self.context.spaces)
        return False

    def _do(self, job: TakenJob) -> None:
        started = time.monotonic()
        transaction = self.context.database.transaction
        try:
            result = self._handlers[job.kind](self.context, job)
        except NobodyWaits:
            log.info("job_given_up job=%d kind=%s", job.id, job.kind)
            why = jobs.WORKER_GONE if self._stopping.is_set() else jobs.STOPPED
            self._give_up(job, why)
        except BrokenOff as error:
            log.info("job_broken_off job=%d kind=%s", job.id, job.kind)
            self._give_up(job, str(error), result={"refused": error.refused})
        except ElsewhereError:  # or deleted, as folders are that nothing was written into for ``KEPT_S``
            transaction(
                lambda session: (
                    jobs.expire_job(session, job, older_than_s=KEPT_S)
                    or jobs.release_job(session, job, delay_s=ELSEWHERE_SECONDS)
                )
            )
        except BadRequest as error:
            log.warning("job_refused job=%d kind=%s error=%s", job.id, job.kind, error)
            self._give_up(job, str(error))
        except (GeneratorUnavailable, QueueFull, Cancelled) as error:
            # the generator is down or busy, which is nobody's fault: the job goes back uncounted
            log.warning("generator_unavailable job=%d kind=%s error=%s", job.id, job.kind, error)
            transaction(lambda session: jobs.release_job(session, job))
            self.wait_for_generator()
        except (DBAPIError, EmbeddedPostgresError):
            raise  # the lease runs out and the job is taken again
        except Exception as error:
            log.exception("job_failed job=%d kind=%s", job.id, job.kind)
            self._give_up(job, f"{type(error).__name__}: {error}", retry=True)
        else:
            transaction(lambda session: jobs.finish_job(session, job, result))
            log.info("job_done job=%d kind=%s seconds=%.2f", job.id, job.kind, time.monotonic() - started)

    def _give_up(self, job: TakenJob, why: str, *, retry: bool = False, result: dict[str, Any] | None = None) -> None:
        """The job fails, where it still is ours; what was found for it goes back where nobody does it again."""

        def fail(session: Session) -> bool:
            jobs.fail_job(session, job, why, retry=retry, result=result)
            return jobs.is_over(session, job)

        in_hand = JobInHand(self.context.database, job)
        if self.context.database.transaction(fail) and in_hand.found and not in_hand.is_of_pictures:
            found = [Draft.from_json(each) for each in in_hand.found]
            unused = self.context.clip_maker.unused(found, in_hand.listener_id)
            self.context.bank.put_back(in_hand.domain, unused)

    def wait_for_generator(self, patience_s: float = math.inf) -> None:
        """Wait until the generator composes, or patience ends, or we are told to stop."""
        until, pause = time.monotonic() + patience_s, 0.1
        while time.monotonic() < until and not self._stopping.wait(pause):
            try:
                if self.context.generation.health().get("status") == "ok":
                    return
            except GenerationError:
                pass
            pause = min(LONGEST_WAIT_SECONDS, 2 * pause)
