"""Runs migrations on the connection of db/migrate.py, or on KALLOS_DATABASE_URL for the alembic command."""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import Connection

from db.engine import make_engine
from db.tables import Base


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, compare_server_default=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    url = os.environ.get("KALLOS_DATABASE_URL")
    if not url:
        raise SystemExit(
            "set KALLOS_DATABASE_URL to the Postgres to migrate, or use `kallos db upgrade` for the embedded one"
        )
    engine = make_engine(url)
    with engine.connect() as connection:
        run(connection)
        connection.commit()
    engine.dispose()
