"""What takes minutes is shared: one at a time, nobody begins one after the other for ever, and any process stops it."""

import contextvars
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from sqlalchemy import update

from db.queries import jobs
from db.tables import Job
from tests.processes import running
from webapp.context import Context
from webapp.listeners import accounts
from webapp.listeners.accounts import delete
from webapp.runtime import limits
from webapp.runtime.errors import NotAllowed, NotReady, TooMany
from webapp.runtime.limits import LONG_AT_ONCE, LONG_OF_ONE_ADDRESS
from webapp.runtime.listener_files import KEPT_S, KeptDreams
from webapp.runtime.long_tasks import LongTask, until_ended
from webapp.worker import LongTaskWorker
from webapp.worker.worker import _run

PATIENCE_S = 120  # for a machine that trains or tests beside us
PROGRAM_NAME = "long_task_to_try"
PROGRAM = """
import json, sys, time
from pathlib import Path
folder, what = sys.argv[1:]
print(json.dumps({"stage": what, "share": 0.5}), flush=True)
if what == "wait":
    time.sleep(600)
if what == "refuse":
    print(json.dumps({"problem": "that is no music"}), flush=True)
sys.exit(what == "fail")
"""
WORKER = """
import sys
from tests.webapp.runtime.test_long_tasks import at_work, task
from webapp.context import Context
from webapp.runtime.settings import Settings
with at_work(Context(Settings(home=sys.argv[1], database_url=sys.argv[2], secret="a secret")), task()) as worker:
    worker.wait_for_schema()
    print("at work", flush=True)
    sys.stdin.read()
"""


def task(seconds=PATIENCE_S):
    return LongTask("try", PROGRAM_NAME, seconds, busy="another one is tried", broken="the try broke off")


@contextmanager
def at_work(context, *tasks):
    worker = LongTaskWorker(context)
    worker._handlers = {each.kind: _run(each) for each in tasks}
    with worker.at_work():
        yield worker


@pytest.fixture(autouse=True)
def program(tmp_path, monkeypatch):
    """What the tasks of these tests run."""
    (tmp_path / f"{PROGRAM_NAME}.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path.cwd())]))


@pytest.fixture
def ask(alone):
    """``ask(task, what, owner)``: somebody begins it; who that is."""
    alone.database.open()

    def begin(which, what, owner=None):
        owner = owner or accounts.create(alone.database)
        home = alone.settings.home
        which.begin(alone.database, home, owner, lambda: KeptDreams(home).begin(owner), [what], of=what)
        return owner

    return begin


def look(context, which, owner):
    return which.look(context.database, context.settings.home, owner)


def wait_until(context, which, owner, reached=lambda state: state.ended):
    give_up_at = time.monotonic() + PATIENCE_S
    while not reached(state := look(context, which, owner)):
        assert time.monotonic() < give_up_at, state
        time.sleep(0.2)
    return state


def wait_until_gone(children):
    _, alive = psutil.wait_procs(children, timeout=PATIENCE_S)
    assert alive == []


@pytest.mark.parametrize(
    ("what", "problem", "kind"),
    [("do", "None", type(None)), ("refuse", "that is no music", NotAllowed), ("fail", "the try broke off", NotReady)],
)
def test_any_process_sees_what_became_of_it(alone, ask, what, problem, kind):
    which = task()
    owner = ask(which, what)
    before = look(alone, which, owner)
    assert (before.ended, before.stage, before.about) == (False, ("", 0.0), {"of": what})
    with at_work(alone, which):
        state = wait_until(alone, task(), owner)  # asked by another process
    assert state.stage == (what, 0.5)
    assert (state.done, str(state.problem), type(state.problem)) == (what == "do", problem, kind)


def test_what_takes_too_long_is_ended_and_says_so(alone, ask):
    which = task(seconds=1)
    with at_work(alone, which):
        assert "longer than 1 seconds" in str(wait_until(alone, which, ask(which, "wait")).problem)


def test_one_is_under_way_at_a_time_and_another_process_stops_it(alone, ask):
    which, elsewhere, other = task(), task(), accounts.create(alone.database)
    with at_work(alone, which):
        owner = ask(which, "wait")
        wait_until(alone, which, owner, lambda state: state.lines)
        for somebody in (owner, other):
            with pytest.raises(NotReady, match="another one is tried"):
                ask(elsewhere, "do", somebody)
        elsewhere.stop(alone.database, other)
        assert not look(alone, which, owner).ended
        (child,) = running(PROGRAM_NAME)
        elsewhere.stop(alone.database, owner)
        wait_until_gone([child])
        state = wait_until(alone, which, owner)
        assert (state.done, state.problem) == (False, None)
        assert wait_until(alone, which, ask(which, "do", other)).done


def test_what_nobody_has_begun_is_stopped_at_once(alone, ask):
    which = task()
    owner = ask(which, "do")
    which.stop(alone.database, owner)
    state = look(alone, which, owner)
    assert (state.ended, state.done, state.problem) == (True, False, None)


def test_it_ends_when_its_listener_is_deleted(alone, ask):
    which = task()
    with at_work(alone, which):
        owner = ask(which, "wait")
        wait_until(alone, which, owner, lambda state: state.lines)
        delete(alone.records, owner)
        wait_until_gone(running(PROGRAM_NAME))
        assert look(alone, which, owner) is None


@pytest.mark.durability
def test_a_worker_that_is_killed_takes_it_along_and_the_next_one_says_why_it_broke_off(alone, ask):
    which, url = task(), alone.settings.database_url
    owner = ask(which, "wait")
    given = [sys.executable, "-c", WORKER, str(alone.settings.home), url]
    with subprocess.Popen(given, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout.readline() == b"at work\n"
        wait_until(alone, which, owner, lambda state: state.lines)
        children = running(PROGRAM_NAME, worker.pid)
        worker.send_signal(signal.SIGKILL)
    assert len(children) == 1
    wait_until_gone(children)
    alone.database.transaction(lambda session: session.execute(update(Job).values(lease_until=Job.created_at)))
    with at_work(alone, which):
        assert str(wait_until(alone, which, owner).problem) == jobs.WORKER_GONE
        assert wait_until(alone, which, ask(which, "do")).done  # and the next one is done


def test_a_worker_that_is_stopped_ends_it_and_says_why(alone, ask):
    which = task()
    with at_work(alone, which):
        owner = ask(which, "wait")
        wait_until(alone, which, owner, lambda state: state.lines)
    assert running(PROGRAM_NAME) == []
    assert str(look(alone, which, owner).problem) == jobs.WORKER_GONE


def test_a_worker_with_another_home_leaves_it_to_others(alone, ask, tmp_path_factory):
    which = task()
    owner = ask(which, "do")
    elsewhere = Context(alone.settings.model_copy(update={"home": tmp_path_factory.mktemp("elsewhere")}))
    worker = LongTaskWorker(elsewhere)
    worker._handlers = {which.kind: _run(which)}
    with worker._threads:
        assert worker.step()
    elsewhere.close()
    assert not look(alone, which, owner).ended
    with at_work(alone, which):
        assert wait_until(alone, which, owner).done


def test_what_waited_until_its_folder_was_deleted_is_given_up_and_others_have_their_turn(alone, ask):
    which = task()
    owner = ask(which, "do")
    shutil.rmtree(look(alone, which, owner).folder)
    ago = timedelta(seconds=KEPT_S + 60)
    alone.database.transaction(lambda session: session.execute(update(Job).values(created_at=Job.created_at - ago)))
    worker = LongTaskWorker(alone)
    worker._handlers = {which.kind: _run(which)}
    with worker._threads:
        assert worker.step()
    assert str(look(alone, which, owner).problem) == jobs.WORKER_GONE
    ask(which, "do")


def test_a_listener_who_begins_one_after_the_other_is_asked_to_wait_and_others_are_not(alone, ask):
    which, greedy = task(), accounts.create(alone.database)
    for _ in range(LONG_AT_ONCE):
        ask(which, "do", greedy)
        which.stop(alone.database, greedy)
    with pytest.raises(TooMany, match="begun many of these"):
        ask(which, "do", greedy)
    ask(which, "do")


def test_new_listeners_of_one_address_share_what_it_may_begin(alone, ask):
    which = task()

    def begin():
        which.stop(alone.database, ask(which, "do"))

    def from_address(address):
        limits.note_address(address)
        begin()

    run = contextvars.copy_context().run
    for _ in range(LONG_OF_ONE_ADDRESS):
        run(from_address, "203.0.113.7")
    with pytest.raises(TooMany, match="others at your address"):
        run(from_address, "203.0.113.7")
    run(from_address, "198.51.100.1")
    begin()  # of nobody from outside: a command


def test_what_did_its_work_tells_how_long_the_next_one_takes(alone, ask):
    which = task()

    def seconds_left():
        owner = ask(which, "wait")
        state = wait_until(alone, which, owner, lambda state: state.lines)
        which.stop(alone.database, owner)
        wait_until(alone, which, owner)
        return state.seconds_left

    with at_work(alone, which):
        assert seconds_left() is None  # it is stopped, which tells nothing
        wait_until(alone, which, ask(which, "do"))
        assert 0 <= seconds_left() < PATIENCE_S  # as long as that one took, or what is left of it


def test_following_ends_with_the_end(alone, ask):
    which = task()
    with at_work(alone, which):
        owner = ask(which, "do")
        *before, last = until_ended(lambda: look(alone, which, owner))
    assert last.done
    assert not any(each.ended for each in before)
