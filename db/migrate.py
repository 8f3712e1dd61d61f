"""Migrations from inside the application, and whether a database is as its mapped classes say.

The scripts are in the ``alembic`` folder beside this package; a wheel carries them as ``db/_alembic``, for a top folder
of that name would overwrite the alembic library. Two schemas are the same where Postgres' own catalogues tell the same
lines of them: columns, defaults, CHECK constraints, partial indexes.
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

from db.tables import Base

# each query gives lines; names are printed relative to the search path, so the schema's own name never shows
_FACTS = (
    """
    SELECT format('column %I.%I %s%s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                  CASE WHEN a.attnotnull THEN ' not null' ELSE '' END,
                  coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), ''),
                  CASE WHEN a.attidentity <> '' THEN ' identity ' || a.attidentity::text ELSE '' END)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relnamespace = to_regnamespace(:schema) AND c.relkind IN ('r', 'p', 'v', 'm')
      AND a.attnum > 0 AND NOT a.attisdropped
    """,
    """
    SELECT format('constraint %I.%I %s', c.relname, k.conname, pg_get_constraintdef(k.oid))
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE k.connamespace = to_regnamespace(:schema)
      AND k.contype <> 'n' -- NOT NULL is told with the column; Postgres 18 makes constraints of it, 17 doesn't
    """,
    """
    SELECT format('index %I %s', c.relname, pg_get_indexdef(i.indexrelid))
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE c.relnamespace = to_regnamespace(:schema)
    """,
    """
    SELECT format('trigger %I.%I %s', c.relname, t.tgname, pg_get_triggerdef(t.oid))
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace = to_regnamespace(:schema) AND NOT t.tgisinternal
    """,
    """
    SELECT format('function %s %s', p.oid::regprocedure, pg_get_functiondef(p.oid))
    FROM pg_proc p WHERE p.pronamespace = to_regnamespace(:schema) AND p.prokind IN ('f', 'p')
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = p.oid AND e.deptype = 'e')
    """,
    """
    SELECT format('type %I %s', t.typname, (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)
                                             FROM pg_enum e WHERE e.enumtypid = t.oid))
    FROM pg_type t WHERE t.typnamespace = to_regnamespace(:schema) AND t.typtype IN ('e', 'd')
    """,
)
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


def describe_schema(connection: Connection, schema: str = "public") -> list[str]:
    """Sorted lines that tell all of ``schema`` but alembic's own table. Sets the transaction's search path to it."""
    connection.execute(text("SELECT set_config('search_path', quote_ident(:schema), true)"), {"schema": schema})
    # pg_get_indexdef names the schema in any case
    lines = [
        str(line).replace(f" ON {schema}.", " ON ").replace(f"FUNCTION {schema}.", "FUNCTION ")
        for facts in _FACTS
        for line in connection.execute(text(facts), {"schema": schema}).scalars()
    ]
    return sorted(line for line in lines if "alembic_version" not in line)


def differences(found: list[str], expected: list[str]) -> list[str]:
    """``missing: …`` for every line of ``expected`` that isn't found, ``unexpected: …`` for the opposite."""
    return [f"missing: {line}" for line in expected if line not in found] + [
        f"unexpected: {line}" for line in found if line not in expected
    ]
