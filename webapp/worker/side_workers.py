"""The process of ``kallos worker``: the main worker and its side workers, each in a thread, until a signal.

One composes first clips for new listeners, one runs what takes minutes and one reads logs of training runs; they would
else wait behind composing. The last one writes drafts for the bank, for which nobody waits.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import ClassVar

import psutil
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from db.embedded import EmbeddedPostgresError
from db.queries import jobs
from db.queries.clips import count_pool
from db.queries.jobs import LEASE_S, TakenJob
from models.music.notes import DOMAINS
from webapp.composing import pool, wishes
from webapp.composing.search import ENOUGH
from webapp.context import Context
from webapp.generation.protocol import GenerationError
from webapp.research import training_runs
from webapp.runtime.settings import Settings
from webapp.runtime.supervised_process import die_with_parent
from webapp.worker.worker import (
    HANDLERS,
    LONG_HANDLERS,
    RUN_LOG_HANDLERS,
    START_SECONDS,
    Handler,
    Notifications,
    Worker,
)

log = logging.getLogger(__name__)

FILL_SECONDS = 600.0  # after somebody's last request: then nothing more is drawn for whoever may come
RUNS_SECONDS = 1.0  # between looks at the logs of training runs


class SideBySideWorker(Worker):
    """Does ``together`` jobs side by side, until ``stop``."""

    together: ClassVar[int]
    handlers: ClassVar[Mapping[str, Handler]] = HANDLERS

    def __init__(self, context: Context, notifications: Notifications | None = None) -> None:
        super().__init__(context, self.handlers, notifications)
        self._room = threading.Semaphore(self.together)
        self._threads = ThreadPoolExecutor(self.together, type(self).__name__)

    def run(self) -> None:
        """Work until told to stop, and finish what was begun."""
        with self._threads:
            super().run()

    def leave_jobs(self) -> None:
        """The worker does."""

    def warm_up(self) -> None:
        """The worker does."""

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

    def _hold(self, job: TakenJob) -> None:
        try:
            super()._hold(job)
        except (DBAPIError, EmbeddedPostgresError) as error:
            log.warning("database_unavailable error=%s", error)  # the lease runs out and the job is taken again
        except Exception:
            log.exception("job_lost job=%d", job.id)  # as above; nobody waits for what this thread came to
        finally:
            self._room.release()


class FirstClipWorker(SideBySideWorker):
    """Composes for those who have no clip of their own yet.

    The worker does so too, one after the other; here nobody waits behind a long job, and clips are written together.
    """

    together = 16  # as many as the generator writes side by side

    def _take(self, session: Session) -> TakenJob | None:
        return jobs.take_job(session, [wishes.KIND], lease_s=self.lease_s, least_priority=wishes.FIRST_PRIORITY)


class LongTaskWorker(SideBySideWorker):
    """Runs the programs of long tasks, one of each kind; they end with it."""

    together = len(LONG_HANDLERS)
    handlers = LONG_HANDLERS
    lease_s = LEASE_S  # longer: what is taken from a worker that is only late is lost

    def _take(self, session: Session) -> TakenJob | None:
        return jobs.take_job(session, list(self._handlers), lease_s=self.lease_s)

    def _goes_on(self) -> bool:
        return not self._stopping.is_set()

    @contextmanager
    def at_work(self) -> Iterator[LongTaskWorker]:
        """It works beside what is done within the block."""
        thread = threading.Thread(target=self.run, name="long tasks")
        thread.start()
        try:
            yield self
        finally:
            self.stop()
            thread.join()


class RunLogWorker(Worker):
    """Takes in the logs of training runs as they grow, until ``stop``."""

    idle_s = RUNS_SECONDS

    def __init__(self, context: Context, notifications: Notifications | None = None) -> None:
        super().__init__(context, RUN_LOG_HANDLERS, notifications)

    def warm_up(self) -> None:
        """The worker does."""

    def _take(self, session: Session) -> TakenJob | None:
        return jobs.take_job(session, list(self._handlers), lease_s=self.lease_s)

    def leave_jobs(self) -> None:
        """Leave a job where a log has changed."""
        folder = self.context.settings.runs_folder
        self.context.database.transaction(lambda session: training_runs.leave_job(session, folder))


class BankKeeper(Worker):
    """Draws for the bank within ``FILL_SECONDS`` of somebody's last request, until ``stop``.

    It does so while nobody waits, or where what others have left is no plenty.
    """

    def warm_up(self) -> None:
        """The worker does."""

    def step(self, *, look: bool = True) -> bool:  # noqa: ARG002
        """Draw a little, where it is time for it; whether anything was drawn."""
        bank, first = self.context.bank, DOMAINS[0]
        try:
            clips = self.context.database.transaction(self._has_a_few)
            if bank.size(first) < ENOUGH and clips:
                bank.grow(first)  # or the first search would have to
                return True
            if self.notifications.visited_s() > FILL_SECONDS or on_battery():
                return False
            return (clips and bank.replenish()) or (not self._somebody_waits() and bank.tend())
        except GenerationError as error:
            log.info("bank_not_tended error=%s", error)
        except OSError as error:
            log.warning("bank_not_tended error=%s", error)
        return False

    def _has_a_few(self, session: Session) -> bool:
        return count_pool(session, domain=DOMAINS[0]) >= pool.FEW

    def _somebody_waits(self) -> bool:
        """For a job, or for what the generator does at once."""
        kinds = list(self._handlers)
        if self.context.database.transaction(lambda session: jobs.are_under_way(session, kinds)):
            return True
        busy = self.context.generation.health()
        return bool(busy["queued"] + busy["running"])


def on_battery() -> bool:
    """Whether this machine is known to run on its battery."""
    sensor = getattr(psutil, "sensors_battery", None)  # not on every system
    try:
        battery = sensor() if sensor else None
    except (OSError, RuntimeError):  # of what can't be read
        return False
    return battery is not None and battery.power_plugged is False


REVIVE_AFTER_SECONDS = 5.0  # a fallen Postgres is the web's to start again, where there is a web
STOP_SECONDS = 5.0  # for side workers to finish what they have in hand


SIDE_WORKERS = (FirstClipWorker, LongTaskWorker, RunLogWorker, BankKeeper)


def run_worker(settings: Settings) -> int:
    """``kallos worker``: work until SIGTERM or SIGINT; as a supervised child it ends with its parent."""
    die_with_parent()
    context = Context(settings, revive_after_s=REVIVE_AFTER_SECONDS)
    if wrong := context.wrong_model():
        print(wrong, file=sys.stderr)
        return 1
    notifications = Notifications(context.database)
    worker = Worker(context, notifications=notifications)
    side_workers = [each(context, notifications=notifications) for each in SIDE_WORKERS]

    def stop(_: int, __: FrameType | None) -> None:
        for each in (worker, *side_workers):
            each.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    worker.put_first_drafts()
    if worker.wait_for_schema():
        notifications.start()
        threads = [threading.Thread(target=each.run, name=type(each).__name__, daemon=True) for each in side_workers]
        threads.append(threading.Thread(target=worker.put_shipped, name="shipped", daemon=True))  # clips don't wait
        for thread in threads:
            thread.start()
        worker.wait_for_generator(START_SECONDS)  # both start at the same time
        worker.run()
        for thread in threads:
            thread.join(STOP_SECONDS)
    context.close()
    return 0
