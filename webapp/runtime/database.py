"""The open database of one process: an embedded Postgres or a given URL, and whole transactions that survive its fall.

A transaction that loses its server is tried again from the start, so everything done in one must be safe to repeat.
What else the database says is put in words for whoever asked, with an HTTP status.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from db.embedded import EmbeddedPostgres, EmbeddedPostgresError
from db.engine import answers, make_engine
from db.queries.listeners import get_listener, lock_listener
from db.tables import Listener
from webapp.runtime.errors import Contradiction, NoRoom, NotAllowed, NotReady, Problem, UnknownListenerError
from webapp.runtime.settings import Settings

DISK_FULL = "53100"
log = logging.getLogger(__name__)
T = TypeVar("T")
Given = ParamSpec("Given")
PATIENCE_S = 15.0  # an embedded server that was killed recovers in one or two


def unreachable(url: str) -> str:
    """Why the database at ``url`` can't be used, in one line; empty where it answers within five seconds."""
    until = time.monotonic() + 5.0
    try:
        engine = make_engine(url)
        while True:
            try:
                engine.connect().close()
            except DBAPIError as error:
                if time.monotonic() > until:
                    return str(error.orig).partition("\n")[0]
                time.sleep(0.5)
            else:
                return ""
            finally:
                engine.dispose()
    except (ArgumentError, ValueError) as error:
        return str(error).partition("\n")[0]


class Database:
    """Opens on first use; ``transaction`` is the only way in.

    A fallen embedded server is started again by who has waited ``revive_after_s`` for it: the web at once, a worker
    later, since a server inherits the low priority of its starter.
    """

    def __init__(self, settings: Settings, *, revive_after_s: float = 0.0) -> None:
        self._revive_after_s = revive_after_s
        self._settings = settings
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._embedded: EmbeddedPostgres | None = None

    @property
    def engine(self) -> Engine:
        """The engine; opens the database where it is not open yet."""
        return self._engine or self.open()

    def open(self) -> Engine:
        """Start the embedded Postgres where no URL was given and connect to it."""
        with self._lock:
            if self._engine is None:
                url = self._settings.database_url
                if not url:
                    self._settings.prepare_home()
                    self._embedded = EmbeddedPostgres(self._settings.postgres_folder)
                    url = self._embedded.start()
                self._engine = make_engine(url)
            return self._engine

    def close(self) -> None:
        """Let go of the connections; the embedded server stops when its last user has gone."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
            if self._embedded is not None:
                self._embedded.stop()
            self._engine = self._embedded = None

    def transaction(self, work: Callable[[Session], T], *, patience_s: float | None = None) -> T:
        """Run ``work`` in one transaction; where the server is lost on the way, all of it is run again.

        That goes on for ``patience_s``, or else for ``PATIENCE_S``.
        """
        patience_s = PATIENCE_S if patience_s is None else patience_s
        begun = time.monotonic()
        pause_s = 0.05
        while True:
            try:
                with Session(self.engine, expire_on_commit=False) as session, session.begin():
                    return work(session)
            except DBAPIError as error:
                if is_full(error) or not (isinstance(error, OperationalError) or error.connection_invalidated):
                    raise
                waited_s = time.monotonic() - begun
                if waited_s + pause_s > patience_s:
                    raise
                log.warning("database_connection_lost error=%s", type(error.orig).__name__)
            try:
                if waited_s >= self._revive_after_s:
                    self.revive()
            except EmbeddedPostgresError:
                log.exception("postgres_restart_failed")
            time.sleep(pause_s)
            pause_s = min(1.0, pause_s * 2)

    def revive(self) -> bool:
        """Start the embedded server again where it has died; a given URL is somebody else's to mend."""
        embedded = self._embedded
        if embedded is None or not embedded.ensure_running():
            return False
        log.warning("postgres_restarted folder=%s", embedded.folder)
        return True

    def answers(self) -> bool:
        """Whether the server answers a query now."""
        return self._engine is not None and answers(self._engine)


def in_transaction(work: Callable[Concatenate[Session, Given], T]) -> Callable[Concatenate[Database, Given], T]:
    """``work`` done in one transaction of the database that it is called with; tried again where that is lost."""

    @wraps(work)
    def done(database: Database, /, *args: Given.args, **kwargs: Given.kwargs) -> T:
        return database.transaction(lambda session: work(session, *args, **kwargs))

    return done


def known_listener(session: Session, listener_id: uuid.UUID) -> Listener:
    """The listener of this id; raises ``UnknownListenerError``."""
    return _there(get_listener(session, listener_id))


def locked_listener(session: Session, listener_id: uuid.UUID) -> Listener:
    """The same, whom nobody else changes before the transaction ends."""
    return _there(lock_listener(session, listener_id))


def _there(listener: Listener | None) -> Listener:
    if listener is None:
        raise UnknownListenerError
    return listener


def is_full(error: DBAPIError) -> bool:
    """Whether the disk of the database takes no more; waiting does not help."""
    return getattr(error.orig, "sqlstate", None) == DISK_FULL


def of_database(error: DBAPIError) -> Problem:
    """What is answered; the log says what the database said."""
    log.error("database_error error=%s", str(error.orig).partition("\n")[0])  # the rest names rows
    if is_full(error):
        return NoRoom()
    if isinstance(error, DataError):
        return NotAllowed("the address or the request holds a character or a number that there can't be")
    if isinstance(error, IntegrityError):
        return Contradiction("this contradicts what is stored already; load the page again and look at what is there")
    return NotReady("the database does not answer; try again in a moment")
