"""What runs behind the page: Postgres and its schema, the generator, the worker; kept alive and stopped in order."""

from __future__ import annotations

import logging
import math
import os
import sys
import threading
import time
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from db import migrate
from db.embedded import EmbeddedPostgresError
from db.queries import clips
from db.queries.jobs import VISITS, notify
from models.music.notes import DOMAINS
from webapp.context import Context
from webapp.generation.protocol import GenerationError
from webapp.runtime.supervised_process import (
    NICENESS,
    SESSION_NICENESS,
    SupervisedProcess,
    free_local_port,
    lower_session,
)
from webapp.studies import journal as study_journal

log = logging.getLogger(__name__)

WATCH_SECONDS = 0.5
RETRY_SECONDS, SLOWEST_RETRY_SECONDS = 1.0, 60.0  # until a database that can't be used is tried again
NEWER_SECONDS = 30.0  # until a database of a newer version is looked at again
QUIET_SECONDS = 5.0  # between rounds of the watch while nobody is there
HEALTH_EVERY = 4  # rounds of the watch
TELL_SECONDS = 5.0  # between notifications that somebody is here
ENOUGH_CLIPS = 8
PROGRAM = (sys.executable, "-m", "webapp")


class Supervision:
    """Everything that a ``Context`` needs to be running; ``ready`` is set when the database can be used."""

    def __init__(self, context: Context, *, children: bool = True) -> None:
        self.context = context
        self.ready = threading.Event()
        self.generator_state: dict[str, Any] = {"status": "starting"}
        self.trouble = ""  # why the database can't be used yet
        self._children = children
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._watcher: threading.Thread | None = None
        self._generator: SupervisedProcess | None = None
        self._worker: SupervisedProcess | None = None
        self._nice: set[int] = set()
        self._told = -math.inf

    def begin(self) -> None:
        """Start everything, each part beside the others; a second call does nothing."""
        with self._lock:
            if self._watcher is not None:
                return
            self.context.settings.prepare_home()
            if self._children:
                self._start_children()
            self._watcher = threading.Thread(target=self._watch, name="supervision", daemon=True)
            self._watcher.start()

    def end(self) -> None:
        """Stop worker, generator and Postgres; a second call does nothing."""
        with self._lock:
            if self._watcher is None or self._ending.is_set():
                return
            self._ending.set()
            self.context.visits.wake()
            self._watcher.join()
            for child in (self._worker, self._generator):
                if child is not None:
                    child.close()
            self.context.close()

    def _start_children(self) -> None:
        if not self.context.generator_url:
            port = free_local_port()
            self.context.generator_url = f"http://127.0.0.1:{port}"
            arguments = [*PROGRAM, "generator", "--host", "127.0.0.1", "--port", str(port)]
            self._generator = SupervisedProcess("generator", arguments, env=self._environment()).start()
        self._worker = SupervisedProcess("worker", [*PROGRAM, "worker"], env=self._environment()).start()

    def _environment(self) -> dict[str, str]:
        """The settings of this process for its children, given or read from elsewhere."""
        settings = self.context.settings
        return {
            "KALLOS_HOME": str(settings.home),
            "KALLOS_HOST": settings.host,
            "KALLOS_PORT": str(settings.port),
            "KALLOS_DATABASE_URL": settings.database_url,
            "KALLOS_STORE_URL": settings.store_url,
            "KALLOS_JOURNAL_URL": settings.journal_url,
            "KALLOS_RUNS": str(settings.runs_folder),
            "KALLOS_GENERATOR_URL": self.context.generator_url,
            "KALLOS_GENERATOR_SECRET": settings.generator_secret,
            "KALLOS_DEVICE": settings.device,
            "KALLOS_POOL": str(settings.pool),
            "KALLOS_MODEL": str(settings.style_folder) if settings.model else "",
            "KALLOS_SOUNDFONT": settings.soundfont,
        }

    def _watch(self) -> None:
        """Open the database and bring its schema up to date, then watch over Postgres and the generator for good."""
        pause = RETRY_SECONDS
        while not self._ending.is_set():
            try:
                migrate.upgrade(self.context.database.open())
                self._compare_with_journal()
                break
            except (DBAPIError, EmbeddedPostgresError) as error:
                if str(error).partition("\n")[0] != self.trouble.partition("\n")[0]:  # the rest names times
                    log.warning("database_unavailable error=%s", error)
                self.trouble = str(error)
                self._ending.wait(pause)
                if isinstance(error, EmbeddedPostgresError):  # each try makes a cluster, which seldom helps
                    pause = min(2 * pause, SLOWEST_RETRY_SECONDS)
            except migrate.NewerDatabaseError as error:
                log.error("database_newer error=%s", error)  # noqa: TRY400 (the trace says nothing more)
                self._ending.wait(NEWER_SECONDS)
        if self._ending.is_set():
            return
        self.ready.set()
        visits = self.context.visits
        for round_number in range(sys.maxsize):
            try:
                self.context.database.revive()
            except EmbeddedPostgresError as error:
                log.warning("postgres_restart_failed error=%s", error)
            at_rest = visits.quiet and self.generator_state["status"] == "ok" and not self._to_lower()
            if at_rest or round_number % HEALTH_EVERY == 0:
                self._check_generator()
                self._lower_priorities()
            self._tell_of_visits()
            if at_rest:
                visits.wait(QUIET_SECONDS)
            else:
                self._ending.wait(WATCH_SECONDS)
            if self._ending.is_set():
                return

    def _compare_with_journal(self) -> None:
        """Bring back what the database lacks where a copy is kept, else say so; write down what has no file yet."""
        # scipy takes a moment, and the children begin before
        from webapp.listeners.restore import behind, bring_back_missing, unknown_segments  # noqa: PLC0415

        database, journal, clip_store = self.context.database, self.context.journal, self.context.clip_store
        if journal.copy:
            listeners = bring_back_missing(database, journal, self.context.spaces)
            studies = study_journal.bring_back(database, journal, clip_store)
            for problem in (*listeners.problems, *studies.problems):
                log.warning("journal_not_whole problem=%s", problem)
        else:
            if lost := unknown_segments(database, journal):
                log.warning("database_empty listeners_in_journal=%d: stop, and run kallos journal rebuild", lost)
            if lost := behind(database, journal):
                log.warning("database_behind listeners=%d: stop, and start with KALLOS_JOURNAL_URL set", lost)
            if lost := study_journal.unknown_studies(database, journal):
                log.warning("database_lacks studies_in_journal=%d: stop, and run kallos journal rebuild", lost)
        study_journal.write_missing(database, journal, clip_store)

    def _tell_of_visits(self) -> None:
        """Tell the workers, wherever they run, that somebody is here."""
        now = time.monotonic()
        if self.context.visits.age_s() >= now - self._told or now - self._told < TELL_SECONDS:
            return
        try:
            self.context.database.transaction(lambda session: notify(session, VISITS), patience_s=0.0)
            self._told = now
        except DBAPIError as error:
            log.warning("visit_not_told error=%s", error)

    def _to_lower(self) -> list[int]:
        """Worker and generator, where they have the priority of the web process."""
        if not hasattr(os, "setpriority"):
            return []
        children = [child for child in (self._worker, self._generator) if child is not None]
        return [pid for child in children if (pid := child.pid) is not None and pid not in self._nice]

    def _lower_priorities(self) -> None:
        """Give worker and generator a low priority as soon as there is something to hear."""
        urgent = self._to_lower()
        if not urgent:
            return

        def playable(session: Session) -> int:
            return clips.count_pool(session, domain=DOMAINS[0])

        try:
            if self.context.database.transaction(playable, patience_s=0.0) < ENOUGH_CLIPS:
                return
            for pid in urgent:  # each leads a group of its own, so that all of its threads are meant
                os.setpriority(os.PRIO_PGRP, pid, NICENESS)
                if lower_session(pid, SESSION_NICENESS):
                    self._nice.add(pid)
        except (DBAPIError, OSError) as error:
            log.warning("priority_not_changed error=%s", error)

    def _check_generator(self) -> None:
        started, before = time.monotonic(), self.generator_state["status"]
        try:
            self.generator_state = self.context.generation.health()
        except GenerationError as error:
            self.generator_state = {"status": "down", "error": str(error)}
        self.context.generator_heard(answers=self.generator_state["status"] != "down")
        if time.monotonic() - started > 1 and before == "ok":  # who is loading the model answers late
            log.warning("generator_slow seconds=%.1f", time.monotonic() - started)
