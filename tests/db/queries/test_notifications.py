from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from db.queries import jobs
from db.queries.jobs import JOBS, VISITS, SilentError, listen, notify

LISTENING_ENDS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE query LIKE 'LISTEN %' AND datname = current_database() AND pid != pg_backend_pid()
"""


@pytest.fixture
def heard(fresh_engine: Engine) -> Iterator[Iterator[str]]:
    both = listen(fresh_engine, (JOBS, VISITS))
    assert next(both) == ""
    yield (channel for channel in both if channel)
    both.close()  # type: ignore[attr-defined]


def test_a_job_is_told_of_once_it_is_committed(fresh_engine: Engine, heard: Iterator[str]) -> None:
    with Session(fresh_engine) as session:
        jobs.enqueue(session, "work", {})
        session.rollback()
        notify(session, VISITS)
        session.commit()
        assert next(heard) == VISITS
        assert jobs.enqueue(session, "work", {}, dedupe_key="one") is not None
        session.commit()
        assert next(heard) == JOBS
        assert jobs.enqueue(session, "work", {}, dedupe_key="one") is None  # it waits already: nothing new
        notify(session, VISITS)
        session.commit()
        assert next(heard) == VISITS


def test_a_connection_that_is_lost_is_told_of(fresh_engine: Engine, heard: Iterator[str]) -> None:
    with fresh_engine.begin() as connection:
        assert connection.execute(text(LISTENING_ENDS)).all() == [(True,)]
    with pytest.raises(SilentError):
        next(heard)
