"""What workers do while nobody is there, and how they learn that somebody is."""

from __future__ import annotations

import math
import threading
import time

import pytest
from sqlalchemy import select, text

from db.queries import jobs
from db.queries.jobs import VISITS
from db.tables import Job
from webapp.composing import pool, search
from webapp.supervision import Supervision
from webapp.worker import BankKeeper, Worker, side_workers
from webapp.worker import worker as worker_module
from webapp.worker.worker import Notifications

LISTENING_ENDS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE query LIKE 'LISTEN %' AND datname = current_database() AND pid != pg_backend_pid()
"""


@pytest.fixture
def keeper(context, monkeypatch) -> BankKeeper:
    monkeypatch.setattr(search, "RESTS", 0.0)
    return BankKeeper(context)


@pytest.fixture
def told(context):
    told = Notifications(context.database)
    told.start()
    yield told
    told.stop()
    told.thread.join(60)


def wait_until(true, seconds=120.0):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    assert true()


def test_the_bank_is_filled_only_for_a_while_after_somebodys_request(context, keeper, monkeypatch):
    assert not keeper.step()  # nobody has ever been here
    assert context.bank.size("pop") == 0
    keeper.notifications.take(VISITS)
    assert keeper.step()
    drawn = sum(context.bank.size(domain) for domain in ("pop", "dance", "chorale"))
    assert drawn == search.BANKED_AT_ONCE
    monkeypatch.setattr(side_workers, "FILL_SECONDS", 0.0)
    assert not keeper.step()


def test_the_bank_is_not_filled_on_battery(keeper, monkeypatch):
    keeper.notifications.take(VISITS)
    monkeypatch.setattr(side_workers, "on_battery", lambda: True)
    assert not keeper.step()
    monkeypatch.setattr(side_workers, "on_battery", lambda: False)
    assert keeper.step()


def test_the_bank_is_not_filled_while_somebody_waits(context, keeper):
    keeper.notifications.take(VISITS)
    context.database.transaction(lambda s: jobs.enqueue(s, pool.KIND, {}))
    assert not keeper.step()
    job = context.database.transaction(lambda s: jobs.take_job(s, [pool.KIND]))
    assert not keeper.step()
    context.database.transaction(lambda s: jobs.finish_job(s, job))
    assert keeper.step()


def test_where_others_have_left_little_more_is_drawn_though_somebody_waits(context, keeper, stock, monkeypatch):
    stock("pop", pool.FEW)
    monkeypatch.setattr(search, "PLENTY", 3 * search.BANKED_AT_ONCE)
    keeper.notifications.take(VISITS)
    context.database.transaction(lambda s: jobs.enqueue(s, pool.KIND, {}))
    while keeper.step():
        pass
    sizes = [context.bank.size(domain) for domain in ("pop", "dance", "chorale")]
    assert sizes == [min(3 * search.BANKED_AT_ONCE, context.bank._room)] * 3


def test_what_a_search_needs_is_drawn_whether_anybody_was_here_or_not(context, keeper, stock):
    stock("pop", pool.FEW)
    while keeper.step():
        pass
    assert [context.bank.size(domain) >= side_workers.ENOUGH for domain in ("pop", "dance")] == [True, False]


def test_a_worker_at_rest_begins_a_job_when_it_is_left(context, told, stock, monkeypatch):
    for domain in ("pop", "dance", "chorale"):
        stock(domain, 60)
    monkeypatch.setattr(worker_module, "QUIET_SECONDS", 1000.0)
    monkeypatch.setattr(worker_module.middleware, "QUIET_SECONDS", -1.0)  # nobody has been here for long enough
    monkeypatch.setattr(Worker, "warm_up", lambda _: None)
    done = []
    worker = Worker(context, {"work": lambda *_: done.append(True) or {}}, told)
    monkeypatch.setattr(worker, "leave_jobs", lambda: None)
    wait_until(lambda: told.listening)
    resting = threading.Event()
    monkeypatch.setattr(worker, "_rest", lambda rest=worker._rest: (resting.set(), rest()))
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        assert resting.wait(120)
        context.database.transaction(lambda s: jobs.enqueue(s, "work", {}))
        wait_until(lambda: done)
    finally:
        worker.stop()
        thread.join(120)
    assert not thread.is_alive()
    assert context.database.transaction(lambda s: s.scalars(select(Job.state)).all()) == ["done"]


def test_workers_learn_that_somebody_is_here(context, told):
    supervision = Supervision(context, children=False)
    supervision.begin()
    try:
        wait_until(lambda: told.listening)
        assert told.visited_s() == math.inf
        context.visits.note()
        wait_until(lambda: told.visited_s() < math.inf)
    finally:
        supervision.end()


def test_who_listens_does_so_again_after_the_connection_was_lost(context, told, monkeypatch):
    monkeypatch.setattr(worker_module, "RETRY_SECONDS", 0.0)
    wait_until(lambda: told.listening)
    before = told.wait(0, 0.0)
    context.database.transaction(lambda s: s.execute(text(LISTENING_ENDS)))
    assert told.wait(before, 120) > before  # it looks again, for what it may have missed
    context.database.transaction(lambda s: jobs.enqueue(s, "work", {}))
    assert told.wait(before + 1, 120) > before + 1
