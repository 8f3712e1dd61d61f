"""One worker: takes a job after the other, leaves those that are due, and draws for the bank where nobody waits."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Mapping

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from db import migrate
from db.embedded import EmbeddedPostgresError
from db.queries import jobs
from db.queries.clips import count_pool
from db.queries.jobs import TakenJob
from models.music.notes import DOMAINS
from webapp.composing import pool, wishes
from webapp.composing.bank import ENOUGH
from webapp.context import Context
from webapp.generation.protocol import BadRequest, GenerationError
from webapp.learning import population, reencoding, refits
from webapp.listeners import deletion
from webapp.maps import shipped_maps
from webapp.research.shipped_runs import copy_shipped
from webapp.worker.handlers import HANDLERS, Handler
from webapp.worker.lease import LEASE_SECONDS, Lease

log = logging.getLogger(__name__)

IDLE_SECONDS = 0.25
LOOK_EVERY = 4  # rounds without a job, between looks at what the pool needs: six queries
LONGEST_WAIT_SECONDS = 5.0  # between questions to a generator that is down
START_SECONDS = 30.0  # in which database and generator may start; who is later is told of
HOUSEKEEPING_SECONDS = 3600.0
EXPIRY_SECONDS = 300.0  # between looks at who came and left nothing
POPULATION_SECONDS = 60.0  # between looks at whether votes have grown enough to learn from them what listeners share


class Worker:
    """Works until ``stop``."""

    idle_s, look_every = IDLE_SECONDS, LOOK_EVERY

    def __init__(self, context: Context, handlers: Mapping[str, Handler] = HANDLERS) -> None:
        self.context = context
        self._handlers = handlers
        self._stopping = threading.Event()
        self._housekeeping = self._expiry = self._populations = 0.0
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
        with Lease(self.context, job):
            self._do(job)

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
            deletion.expire(self.context.records)
        if time.monotonic() > self._populations:
            self._populations = time.monotonic() + POPULATION_SECONDS
            transaction(lambda session: population.leave_jobs(session, self.context.spaces))
        if self._changing:
            self._changing = transaction(self._adopt)

    def _adopt(self, session: Session) -> bool:
        """Leave what a new model asks for: clips encoded, then heads fitted; whether anything is left to do."""
        version = self.context.space.version
        if reencoding.older_clips(session, version, 1):
            reencoding.leave_job(session, version)
            return True
        refits.leave_job(session, self.context.spaces)
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
