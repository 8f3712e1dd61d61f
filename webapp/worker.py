"""The worker: takes jobs from the queue, one at a time, and leaves a job itself whenever the pool needs clips.

Who waits for a first clip of their own is served beside it, many at once. With nothing to do it draws for the bank.

A worker that is killed loses its lease and its job is taken again; one that is asked to stop gives its job back.
Beside it a second worker takes in the logs of training runs, which would else wait behind composing.
"""

from __future__ import annotations

import logging
import math
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from types import FrameType
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from db import migrate
from db.embedded import EmbeddedPostgresError
from db.queries import jobs
from db.queries.clips import count_pool
from db.queries.jobs import TakenJob
from models.music.notes import DOMAINS
from webapp.composing import pool, whole_pieces, wishes
from webapp.composing.bank import ENOUGH
from webapp.composing.jobs import JobInHand
from webapp.context import Context
from webapp.generation.protocol import BadRequest, GenerationError
from webapp.learning import population, reencoding, refits
from webapp.listeners import deletion
from webapp.maps import catalogue, drawing, shipped_maps
from webapp.maps.progress import Progress
from webapp.research import training_runs
from webapp.research.shipped_runs import copy_shipped
from webapp.runtime.settings import Settings
from webapp.runtime.supervised_process import die_with_parent
from webapp.sharing import for_two

log = logging.getLogger(__name__)

IDLE_SECONDS = 0.25
LOOK_EVERY = 4  # rounds without a job, between looks at what the pool needs: six queries
LEASE_SECONDS = 15.0
RENEW_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 5.0  # between questions to a generator that is down
START_SECONDS = 30.0  # in which database and generator may start; who is later is told of
REVIVE_AFTER_SECONDS = 5.0  # a fallen Postgres is the web's to start again, where there is a web
HOUSEKEEPING_SECONDS = 3600.0
POPULATION_SECONDS = 60.0  # between looks at whether votes have grown enough to learn from them what listeners share
RUNS_SECONDS = 1.0  # between looks at the logs of training runs
STOP_SECONDS = 5.0  # for those beside the worker to finish what they have in hand
FIRST_CLIPS_TOGETHER = 16  # as many as the generator decodes side by side

Handler = Callable[[Context, TakenJob], dict[str, Any]]


def _compose_for(context: Context, job: TakenJob) -> dict[str, Any]:
    in_hand = JobInHand(context.database, job)
    return context.listener_composer.do(in_hand).to_json()


def _compose_whole(context: Context, job: TakenJob) -> dict[str, Any]:
    return context.whole_piece_composer.do(JobInHand(context.database, job))


def _compose_for_two(context: Context, job: TakenJob) -> dict[str, Any]:
    duet = uuid.UUID(str(job.payload["duet"]))
    in_hand = JobInHand(context.database, job)
    return context.duet_composer.compose(duet, in_hand.domain, in_hand.seed, in_hand.report).to_json()


def _fill_pool(context: Context, job: TakenJob) -> dict[str, Any]:
    return pool.fill(context.clip_maker, job.payload, context.settings.pool)


def _refit_heads(context: Context, job: TakenJob) -> dict[str, Any]:  # noqa: ARG001
    return refits.refit_heads(context.database, context.space)


def _refit_population(context: Context, job: TakenJob) -> dict[str, Any]:
    return population.refit_population(
        context.database, context.journal, context.space, context.playable, str(job.payload["study"])
    )


def _encode_clips(context: Context, job: TakenJob) -> dict[str, Any]:  # noqa: ARG001
    return reencoding.encode_clips(context.database, context.journal, context.generation, context.space)


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
    reencoding.KIND: _encode_clips,
    refits.KIND: _refit_heads,
    population.KIND: _refit_population,
    catalogue.KIND: _draw_map,
}


RUN_LOG_HANDLERS: dict[str, Handler] = {training_runs.KIND: _take_runs}


class Worker:
    """Works until ``stop``."""

    idle_s, look_every = IDLE_SECONDS, LOOK_EVERY

    def __init__(self, context: Context, handlers: Mapping[str, Handler] = HANDLERS) -> None:
        self.context = context
        self._handlers = handlers
        self._stopping = threading.Event()
        self._housekeeping = self._populations = 0.0
        self._warm = False
        self._changing = True  # of model: nothing is known yet

    def stop(self) -> None:
        """Finish the job in hand and no other."""
        self._stopping.set()

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
        idle = 0
        while not self._stopping.is_set():
            try:
                worked = self.step(look=idle % self.look_every == 0)
            except (DBAPIError, EmbeddedPostgresError) as error:
                log.warning("database_unavailable error=%s", error)
                worked = False
            worked = self.tend_bank(idle=not worked) or worked
            idle = 0 if worked else idle + 1
            if not worked:
                self._stopping.wait(self.idle_s)

    def put_shipped(self) -> None:
        """Put the maps and logs that come with Kallos where pages find them, so that none is empty at first."""
        try:
            if copy_shipped(self.context.settings):
                log.info("shipped_runs_copied folder=%s", self.context.settings.runs_folder)
            if kinds := shipped_maps.keep_shipped(self.context.atlas):
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

    def tend_bank(self, *, idle: bool) -> bool:
        """Draw for the bank where nobody waits, or where it has too little to search; whether anything was drawn."""
        bank, first = self.context.bank, DOMAINS[0]
        try:
            if idle and not self._warm:
                self._warm_up()
            if idle:
                busy = self.context.generation.health()
                return busy["queued"] + busy["running"] == 0 and bank.tend()
            if bank.size(first) < ENOUGH and self.context.database.transaction(self._has_a_few):
                bank.grow(first)
                return True
        except GenerationError as error:
            log.info("bank_not_tended error=%s", error)
        except (DBAPIError, EmbeddedPostgresError, OSError) as error:
            log.warning("bank_not_tended error=%s", error)
        return False

    def _warm_up(self) -> None:
        """Make the piano's sounds now, so that those who come first don't wait for them."""
        from models.music.render import warm_up  # noqa: PLC0415 (the piano, only where it is needed)

        warm_up()
        self._warm = True

    def _has_a_few(self, session: Session) -> bool:
        return count_pool(session, domain=DOMAINS[0]) >= pool.FEW

    def _take(self, session: Session) -> TakenJob | None:
        """The next job; while first clips are composed, none that can wait."""
        waiting = jobs.count_under_way(session, wishes.KIND, least_priority=wishes.FIRST_PRIORITY)
        least = wishes.UNASKED_PRIORITY if waiting else None
        return jobs.take_job(session, list(self._handlers), lease_s=LEASE_SECONDS, least_priority=least)

    def _hold(self, job: TakenJob) -> None:
        with _Lease(self.context, job):
            self._do(job)

    def leave_jobs(self) -> None:
        """Leave a job for the pool where it needs clips, and what a new model asks for."""
        transaction = self.context.database.transaction
        transaction(lambda session: pool.leave_job(session, self.context.space.version, self.context.settings.pool))
        if time.monotonic() > self._housekeeping:
            self._housekeeping = time.monotonic() + HOUSEKEEPING_SECONDS
            transaction(jobs.forget_finished)
            deletion.expire(self.context.records)
            self._changing = True
        if time.monotonic() > self._populations:
            self._populations = time.monotonic() + POPULATION_SECONDS
            transaction(lambda session: population.leave_jobs(session, self.context.space.version))
        if self._changing:
            self._changing = transaction(self._adopt)

    def _adopt(self, session: Session) -> bool:
        """Leave what a new model asks for: clips encoded, then heads fitted; whether anything is left to do."""
        version = self.context.space.version
        if reencoding.older_clips(session, version, 1):
            reencoding.leave_job(session, version)
            return True
        refits.leave_job(session, version)
        return False

    def _do(self, job: TakenJob) -> None:
        started = time.monotonic()
        transaction = self.context.database.transaction
        try:
            result = self._handlers[job.kind](self.context, job)
        except BadRequest as error:
            log.warning("job_refused job=%d kind=%s error=%s", job.id, job.kind, error)
            message = str(error)
            transaction(lambda session: jobs.fail_job(session, job, message, retry=False))
        except GenerationError as error:
            # the generator is down or busy, which is nobody's fault: the job goes back uncounted
            log.warning("generator_unavailable job=%d kind=%s error=%s", job.id, job.kind, error)
            transaction(lambda session: jobs.release_job(session, job))
            self.wait_for_generator()
        except (DBAPIError, EmbeddedPostgresError):
            raise  # the lease runs out and the job is taken again
        except Exception as error:
            log.exception("job_failed job=%d kind=%s", job.id, job.kind)
            message = f"{type(error).__name__}: {error}"
            transaction(lambda session: jobs.fail_job(session, job, message))
        else:
            transaction(lambda session: jobs.finish_job(session, job, result))
            log.info("job_done job=%d kind=%s seconds=%.2f", job.id, job.kind, time.monotonic() - started)

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


class FirstClips(Worker):
    """Composes for those who have no clip of their own yet, many side by side, until ``stop``.

    The worker does so too, one after the other; here nobody waits behind a long job, and clips are decoded together.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._room = threading.Semaphore(FIRST_CLIPS_TOGETHER)
        self._threads = ThreadPoolExecutor(FIRST_CLIPS_TOGETHER, "first clips")

    def run(self) -> None:
        """Work until told to stop, and finish what was begun."""
        with self._threads:
            super().run()

    def leave_jobs(self) -> None:
        """The worker does."""

    def tend_bank(self, *, idle: bool) -> bool:  # noqa: ARG002
        """The worker does."""
        return False

    def step(self, *, look: bool = True) -> bool:  # noqa: ARG002
        """Begin one job, where there is one and room for it; whether there was."""
        if not self._room.acquire(timeout=self.idle_s):
            return False
        job = None
        try:
            job = self.context.database.transaction(self._take)
            if job is not None:
                self._threads.submit(self._hold, job)
        finally:
            if job is None:
                self._room.release()
        return job is not None

    def _take(self, session: Session) -> TakenJob | None:
        return jobs.take_job(session, [wishes.KIND], lease_s=LEASE_SECONDS, least_priority=wishes.FIRST_PRIORITY)

    def _hold(self, job: TakenJob) -> None:
        try:
            super()._hold(job)
        except (DBAPIError, EmbeddedPostgresError) as error:
            log.warning("database_unavailable error=%s", error)  # the lease runs out and the job is taken again
        except Exception:
            log.exception("job_lost job=%d", job.id)  # as above; nobody waits for what this thread came to
        finally:
            self._room.release()


class RunLogWorker(Worker):
    """Takes in the logs of training runs as they grow, until ``stop``."""

    idle_s, look_every = RUNS_SECONDS, 1

    def __init__(self, context: Context) -> None:
        super().__init__(context, RUN_LOG_HANDLERS)

    def tend_bank(self, *, idle: bool) -> bool:  # noqa: ARG002
        """The worker does."""
        return False

    def _take(self, session: Session) -> TakenJob | None:
        return jobs.take_job(session, list(self._handlers), lease_s=LEASE_SECONDS)

    def leave_jobs(self) -> None:
        """Leave a job where a log has changed."""
        folder = self.context.settings.runs_folder
        self.context.database.transaction(lambda session: training_runs.leave_job(session, folder))


class _Lease:
    """Keeps a job ours while it is worked on."""

    def __init__(self, context: Context, job: TakenJob) -> None:
        self._context, self._job = context, job
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease {job.id}", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _renew(self) -> None:
        def extend(session: Session) -> bool:
            return jobs.extend_lease(session, self._job, lease_s=LEASE_SECONDS)

        while not self._done.wait(RENEW_SECONDS):
            try:
                self._context.database.transaction(extend)
            except DBAPIError as error:
                log.warning("lease_not_renewed job=%d error=%s", self._job.id, error)


def run_worker(settings: Settings) -> int:
    """``kallos worker``: work until SIGTERM or SIGINT; as a supervised child it ends with its parent."""
    die_with_parent()
    context = Context(settings, revive_after_s=REVIVE_AFTER_SECONDS)
    if wrong := context.wrong_model():
        print(wrong, file=sys.stderr)
        return 1
    worker, beside = Worker(context), [FirstClips(context), RunLogWorker(context)]

    def stop(_: int, __: FrameType | None) -> None:
        for each in (worker, *beside):
            each.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if worker.wait_for_schema():
        threads = [threading.Thread(target=each.run, name=type(each).__name__, daemon=True) for each in beside]
        threads.append(threading.Thread(target=worker.put_shipped, name="shipped", daemon=True))  # clips don't wait
        for thread in threads:
            thread.start()
        worker.wait_for_generator(START_SECONDS)  # both start at the same time
        worker.run()
        for thread in threads:
            thread.join(STOP_SECONDS)
    context.close()
    return 0
