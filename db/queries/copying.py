"""All rows of a database, copied out as they stand at one moment and in again: what a backup is made of.

``COPY`` in Postgres' own text form, so that any Postgres and every earlier schema can be read back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

MIGRATIONS = "alembic_version"


class Snapshot:
    """One moment of a database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.tables = {name: _columns(connection, name) for name in _tables(connection)}

    def rows(self, table: str) -> Iterator[bytes]:
        """The rows of a table, some at a time."""
        cursor: Any = self._connection.connection.cursor()
        with cursor.copy(f"COPY {_quoted(table)} ({_list(self.tables[table])}) TO STDOUT") as copy:
            yield from map(bytes, copy)


@contextmanager
def snapshot(engine: Engine) -> Iterator[Snapshot]:
    """What the database holds now, whatever is written meanwhile."""
    with engine.connect() as connection:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        yield Snapshot(connection)


def anything_in(engine: Engine) -> bool:
    """Whether there are listeners, votes, clips or studies, with which a restore would mix its own."""
    with engine.connect() as connection:
        here = {"listeners", "clips", "votes", "listening_studies"} & set(_tables(connection))
        asked = " OR ".join(f"EXISTS (SELECT FROM {_quoted(table)})" for table in here)
        return bool(here) and bool(connection.execute(text(f"SELECT {asked}")).scalar_one())


def fill(
    engine: Engine, tables: Mapping[str, list[str]], parts: Iterable[tuple[str, Iterable[bytes]]]
) -> dict[str, int]:
    """Put rows into the ``tables`` (and their columns) of the schema that they come from, all or none; how many each.

    What a new database has there goes. Foreign keys are taken off meanwhile, so that the order of tables is no matter,
    and checked when they are put on again.
    """
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        keys = connection.execute(
            text(
                "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
                "WHERE contype = 'f' AND connamespace = current_schema()::regnamespace"
            )
        ).all()
        for table, name, _ in keys:
            connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {_quoted(name)}"))
        connection.execute(text(f"TRUNCATE {_list(_tables(connection))}"))
        filled = {}
        cursor: Any = connection.connection.cursor()
        for table, data in parts:
            with cursor.copy(f"COPY {_quoted(table)} ({_list(tables[table])}) FROM STDIN") as copy:
                for some in data:
                    copy.write(some)
            filled[table] = int(cursor.rowcount)
        for table, name, definition in keys:
            connection.execute(text(f"ALTER TABLE {table} ADD CONSTRAINT {_quoted(name)} {definition}"))
        _set_counters(connection)
    return filled


def all_listeners(engine: Engine) -> list[UUID]:
    """The id of everybody."""
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT id FROM listeners")).scalars())


def _set_counters(connection: Connection) -> None:
    """Let what is numbered go on after the largest number there is."""
    counted = connection.execute(
        text(
            "SELECT table_name, column_name, pg_get_serial_sequence(quote_ident(table_name), column_name) "
            "FROM information_schema.columns WHERE table_schema = current_schema() "
            "AND pg_get_serial_sequence(quote_ident(table_name), column_name) IS NOT NULL"
        )
    ).all()
    for table, column, sequence in counted:
        largest = f"(SELECT max({_quoted(column)}) FROM {_quoted(table)})"  # noqa: S608 (names of the catalogue)
        connection.execute(text(f"SELECT setval('{sequence}', coalesce({largest}, 0) + 1, false)"))


def _tables(connection: Connection) -> list[str]:
    query = text(
        "SELECT table_name FROM information_schema.tables "
        "WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' AND table_name <> :apart ORDER BY 1"
    )
    return [str(name) for (name,) in connection.execute(query, {"apart": MIGRATIONS})]


def _columns(connection: Connection, table: str) -> list[str]:
    query = text(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() "
        "AND table_name = :name AND is_generated = 'NEVER' ORDER BY ordinal_position"
    )
    return [str(name) for (name,) in connection.execute(query, {"name": table})]


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(_quoted, names))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
