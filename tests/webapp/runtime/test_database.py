from __future__ import annotations

import os
import signal
import threading

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from db.queries.listeners import create_listener
from db.tables import Listener
from webapp.runtime.database import Database
from webapp.runtime.settings import Settings

pytestmark = pytest.mark.durability


@pytest.fixture
def database(settings):
    database = Database(settings)
    yield database
    database.close()


def test_a_transaction_that_loses_its_server_is_done_again_whole(database):
    tries = []

    def work(session):
        tries.append(1)
        listener = create_listener(session)
        if len(tries) == 1:
            pid = session.scalar(text("SELECT pg_backend_pid()"))
            with database.engine.connect() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        session.scalar(text("SELECT 1"))
        return listener.id

    made = database.transaction(work)
    assert len(tries) == 2
    assert database.transaction(lambda s: s.scalars(select(Listener.id)).all()) == [made]


def test_what_is_no_lost_server_is_told_at_once(database):
    tries = []

    def work(session):
        tries.append(1)
        session.execute(text("INSERT INTO listeners (domain) VALUES ('jazz')"))

    with pytest.raises(IntegrityError):
        database.transaction(work)
    assert len(tries) == 1


def test_patience_ends():
    nowhere = Database(Settings(database_url="postgresql+psycopg://nobody@127.0.0.1:9/none"))
    with pytest.raises(OperationalError):
        nowhere.transaction(lambda session: session.scalar(text("SELECT 1")), patience_s=0.2)
    nowhere.close()


@pytest.mark.slow
def test_an_embedded_postgres_that_is_killed_is_started_again_in_the_middle_of_a_request(tmp_path):
    database = Database(Settings(home=tmp_path / "home"))
    database.open()
    try:
        database.transaction(lambda s: s.execute(text("CREATE TABLE kept (n int)")))
        pid = int((tmp_path / "home" / "pg" / "data" / "postmaster.pid").read_text().splitlines()[0])
        results, troubles = [], []

        def insert(number: int) -> None:
            try:
                database.transaction(lambda s: s.execute(text("INSERT INTO kept VALUES (:n)"), {"n": number}))
                results.append(number)
            except DBAPIError as error:
                troubles.append(error)

        threads = [threading.Thread(target=insert, args=(number,)) for number in range(8)]
        os.kill(pid, signal.SIGKILL)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert troubles == []
        assert sorted(database.transaction(lambda s: s.scalars(text("SELECT n FROM kept")).all())) == sorted(results)
        assert len(results) == 8
    finally:
        database.close()
