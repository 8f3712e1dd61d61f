"""Engine and sessions for any Postgres from 15 on, and statements that are built once and shared by all threads.

``KALLOS_DATABASE_URL`` or the embedded server's URL goes in.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from threading import Lock
from typing import Any, Generic, ParamSpec, TypeVar

from sqlalchemy import Engine, Select, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

# A migration and a backup take their time, and say so; nothing else may take longer than a page waits for it.
LIMITS_S = {"statement_timeout": 60, "lock_timeout": 20, "idle_in_transaction_session_timeout": 300}
Given = ParamSpec("Given")
Statement = TypeVar("Statement", bound=Select[*tuple[Any, ...]])


def make_engine(url: str, *, pool_size: int = 20) -> Engine:
    """An engine on psycopg 3 that survives a restarted server.

    The default pool serves the 40 threads in which FastAPI runs handlers and stays below Postgres' 100 connections
    together with workers. Raises ``ValueError`` for anything but a Postgres URL.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise ValueError(
            f"the database URL starts with {parsed.drivername!r}; Kallos needs Postgres: postgresql+psycopg://USER@HOST/NAME"
        )
    engine = create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=20,
        pool_timeout=10,
        pool_recycle=1800,
        pool_pre_ping=True,  # a restarted Postgres costs a reconnection, not an error
        connect_args={"connect_timeout": 10, "application_name": "kallos"},
    )
    event.listen(engine, "connect", _set_limits)
    return engine


def _set_limits(connection: Any, _: object) -> None:
    """Let no statement hold a connection for good, nor wait for a lock, nor a transaction be left lying."""
    connection.autocommit = True  # a setting made in a transaction goes with it
    for name, seconds in LIMITS_S.items():
        connection.execute(f"SET {name} = '{seconds}s'")
    connection.autocommit = False


def answers(engine: Engine) -> bool:
    """Whether the server answers a query now."""
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except DBAPIError:
        return False
    return True


class built_once(Generic[Given, Statement]):  # noqa: N801 - a decorator
    """Builds a statement for what is given at the first call and gives the same one ever after.

    The thread that comes first builds it and compiles it, while the others wait. Two that compiled an alias of a common
    table expression at once would give its columns two identities, and every later result would be refused
    (https://github.com/sqlalchemy/sqlalchemy/issues/12302).
    """

    def __init__(self, build: Callable[Given, Statement]) -> None:
        self._build = build
        self._built: dict[Any, Statement] = {}
        self._building = Lock()
        update_wrapper(self, build)

    def __call__(self, *args: Given.args, **kwargs: Given.kwargs) -> Statement:
        """The statement for what is given."""
        key = (args, *sorted(kwargs.items()))
        with self._building:
            if key not in self._built:
                statement = self._build(*args, **kwargs)
                statement.compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call]
                self._built[key] = statement
            return self._built[key]

    def forget(self) -> None:
        """Build anew, as in a process that has just started."""
        self._built.clear()
