"""Migrations from inside the application: the scripts are in the ``alembic`` folder beside this package.

A wheel carries them as ``db/_alembic``, for a top folder of that name would overwrite the alembic library.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from db.schema_dump import describe_schema, differences
from db.tables import Base

NOBODYS = {"alembic_version", "studies"}  # tables in which a migration writes
MIGRATION_LOCK = 7_022_611_001  # any number, the same in every process


class NewerDatabaseError(Exception):
    """A newer Kallos has changed the database."""


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database up to ``revision``, all or nothing; processes that start together wait for each other.

    Raises ``NewerDatabaseError``.
    """
    found = current_revision(engine)
    if found is not None and not is_known(found):
        raise NewerDatabaseError(
            f"the database is at {found}, which this version (at {newest_revision()}) does not know: it was used by a "
            "newer Kallos; install that one, or restore a backup"
        )
    with _migrating(engine) as config:
        command.upgrade(config, revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the database back to ``revision``; ``"base"`` removes every table and what is in them."""
    with _migrating(engine) as config:
        command.downgrade(config, revision)


def losses(engine: Engine, revision: str) -> dict[str, int]:
    """How many rows of each table, or values of each column, ``downgrade`` would delete; nothing is changed by this."""
    with _migrating(engine) as config:
        connection: Connection = config.attributes["connection"]
        before = _contents(connection)
        within = connection.begin_nested()
        command.downgrade(config, revision)
        after = _contents(connection)
        within.rollback()
    gone = {name: count - after.get(name, 0) for name, count in before.items()}
    return {
        name: count
        for name, count in sorted(gone.items())
        if count > 0 and name.partition(".")[0] not in NOBODYS and ("." not in name or name.partition(".")[0] in after)
    }


def _contents(connection: Connection) -> dict[str, int]:
    """Rows of each ``table``, and values of each ``table.column``."""
    found = {}
    there = inspect(connection)
    for table in there.get_table_names():
        names = [each["name"] for each in there.get_columns(table)]
        quoted = connection.dialect.identifier_preparer.quote
        counted = ", ".join(f"count({quoted(name)})" for name in names)
        whole, *each = connection.execute(text(f"SELECT count(*), {counted} FROM {quoted(table)}")).one()  # noqa: S608 (names of our own tables)
        found[table] = whole
        found |= {f"{table}.{name}": count for name, count in zip(names, each, strict=True)}
    return found


def current_revision(engine: Engine) -> str | None:
    """The revision that the database is at; None where it was never migrated."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str | None:
    """The revision that this code needs."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def is_known(revision: str) -> bool:
    """Whether this version can come from there."""
    return any(each.revision == revision for each in ScriptDirectory.from_config(_config()).walk_revisions())


def check(engine: Engine) -> list[str]:
    """How the database differs from the mapped classes, one line a difference; empty where it doesn't.

    The tables are made once more in a scratch schema and both are read back from the catalogues, so that CHECK
    constraints and partial indexes count too. The scratch schema is rolled back.
    """
    found, newest = current_revision(engine), newest_revision()
    lines = [] if found == newest else [f"revision: the database is at {found or 'none'}, the newest is {newest}"]
    with engine.connect() as connection, connection.begin() as transaction:
        present = describe_schema(connection)
        connection.execute(text("CREATE SCHEMA kallos_check"))
        connection.execute(text("SET LOCAL search_path TO kallos_check"))
        Base.metadata.create_all(connection, checkfirst=False)
        lines += differences(present, describe_schema(connection, "kallos_check"))
        transaction.rollback()
    return lines


def _config(connection: Connection | None = None) -> Config:
    package = Path(__file__).resolve().parent
    folder = next(path for path in (package / "_alembic", package.parent / "alembic") if (path / "env.py").exists())
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    if connection is not None:
        config.attributes["connection"] = connection
    return config


@contextmanager
def _migrating(engine: Engine) -> Iterator[Config]:
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))  # an index of a large table takes its time
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        yield _config(connection)
