"""What the processes of one database tell one another at once, by Postgres' NOTIFY: nothing of it is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from select import select as wait_for_input

import psycopg
from psycopg import sql
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

JOBS, VISITS = "kallos_jobs", "kallos_visits"  # a job was left; somebody has asked for something
SILENT_SECONDS = 1.0  # after which whoever listens may do something else


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
