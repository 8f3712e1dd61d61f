"""The engine takes any Postgres URL and nothing else."""

from __future__ import annotations

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError

from db import engine as engines
from db.engine import make_engine


def test_only_postgres_will_do() -> None:
    for url in ("sqlite://", "mysql://root@localhost/x"):
        with pytest.raises(ValueError, match="Kallos needs Postgres"):
            make_engine(url)


def test_every_spelling_of_a_postgres_url_works(database_url: str) -> None:
    for scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        engine = make_engine(scheme + "://" + database_url.split("://", 1)[1])
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT 1")) == 1
        engine.dispose()


def test_fifty_listeners_fit_into_the_servers_connections(database_url: str) -> None:
    engine = make_engine(database_url)
    connections = [engine.connect() for _ in range(40)]
    assert connections[-1].scalar(text("SELECT current_setting('max_connections')::int")) >= 2 * len(connections)
    for connection in connections:
        connection.close()
    engine.dispose()
    assert make_url(database_url).password is None


def test_no_statement_holds_a_connection_for_good(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engines.LIMITS_S, "statement_timeout", 1)
    engine = make_engine(database_url)
    with pytest.raises(OperationalError, match="statement timeout"), engine.connect() as connection:
        connection.execute(text("SELECT pg_sleep(20)"))
    with engine.connect() as connection:
        limits = {name: connection.scalar(text(f"SHOW {name}")) for name in engines.LIMITS_S}
    assert limits == {"statement_timeout": "1s", "lock_timeout": "20s", "idle_in_transaction_session_timeout": "5min"}
    engine.dispose()
