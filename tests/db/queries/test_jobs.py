from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text, update
from sqlalchemy.orm import Session

from db.queries import jobs
from db.queries.jobs import (
    TakenJob,
    current_job,
    enqueue,
    extend_lease,
    fail_job,
    finish_job,
    forget_finished,
    release_job,
    take_job,
)
from db.tables import Job, Listener

ROOT = Path(__file__).parents[3]


def take(session: Session, lease_s: float = 30.0) -> TakenJob:
    job = take_job(session, ["work"], lease_s=lease_s)
    assert job is not None
    return job


def state(session: Session, job_id: int | None) -> str:
    session.expire_all()
    job = session.get(Job, job_id)
    assert job is not None
    return job.state


def test_a_job_is_taken_done_and_gone(session: Session) -> None:
    job_id = enqueue(session, "work", {"clip": 1})
    assert take_job(session, ["other"]) is None
    job = take(session)
    assert (job.id, job.kind, job.payload, job.attempts) == (job_id, "work", {"clip": 1}, 1)
    assert take_job(session, ["work"]) is None
    assert extend_lease(session, job)
    assert finish_job(session, job, {"made": 3})
    assert state(session, job_id) == "done"
    stored = session.get(Job, job_id)
    assert stored is not None
    assert stored.result == {"made": 3}
    assert not finish_job(session, job)


def test_urgent_jobs_come_first_then_the_oldest_and_later_ones_wait(session: Session) -> None:
    enqueue(session, "work", {"n": 2})
    enqueue(session, "work", {"n": 3})
    enqueue(session, "work", {"n": 1}, priority=5)
    enqueue(session, "work", {"n": 0}, priority=9, delay_s=60)
    assert [take(session).payload["n"] for _ in range(3)] == [1, 2, 3]
    assert take_job(session, ["work"]) is None


def test_one_dedupe_key_waits_or_runs_once(session: Session) -> None:
    first = enqueue(session, "work", {}, dedupe_key="refill")
    assert first is not None
    assert enqueue(session, "work", {}, dedupe_key="refill") is None
    job = take(session)
    assert enqueue(session, "work", {}, dedupe_key="refill") is None
    finish_job(session, job)
    assert enqueue(session, "work", {}, dedupe_key="refill") not in {None, first}
    assert enqueue(session, "work", {}) is not None


def test_a_failed_job_is_tried_again_later_and_later_then_never(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "FIRST_RETRY_S", 60.0)  # so long that no machine is too slow to see it
    job_id = enqueue(session, "work", {}, max_attempts=3)
    pauses = []
    for _ in range(2):
        assert fail_job(session, take(session), "broken pipe")
        assert state(session, job_id) == "waiting"
        assert take_job(session, ["work"]) is None
        pauses.append(
            session.scalar(
                text("SELECT extract(epoch FROM run_after - clock_timestamp()) FROM jobs WHERE id = :id"),
                {"id": job_id},
            )
        )
        session.execute(text("UPDATE jobs SET run_after = clock_timestamp()"))
    assert [round(float(pause) / 60) for pause in pauses if pause is not None] == [1, 2]
    assert fail_job(session, take(session), "broken again")
    assert state(session, job_id) == "failed"
    stored = session.get(Job, job_id)
    assert stored is not None
    assert stored.error == "broken again"


def test_a_job_that_can_never_work_fails_at_once(session: Session) -> None:
    job_id = enqueue(session, "work", {})
    assert fail_job(session, take(session), "no such clip", retry=False)
    assert state(session, job_id) == "failed"


def test_a_job_given_back_counts_no_attempt(session: Session) -> None:
    enqueue(session, "work", {})
    assert release_job(session, take(session))
    assert take(session).attempts == 1


def test_whose_lease_ran_out_has_lost_the_job(session: Session) -> None:
    enqueue(session, "work", {})
    late = take(session, lease_s=-1.0)
    again = take(session)
    assert (again.id, again.attempts) == (late.id, 2)
    assert not extend_lease(session, late)
    assert not finish_job(session, late)
    assert not fail_job(session, late, "too late")
    assert not release_job(session, late)
    assert finish_job(session, again)


def test_a_job_that_kills_every_worker_fails_in_the_end(session: Session) -> None:
    job_id = enqueue(session, "work", {}, max_attempts=2)
    for _ in range(2):
        take(session, lease_s=-1.0)
    assert take_job(session, ["work"]) is None
    assert state(session, job_id) == "failed"


def test_a_listeners_job_under_way_is_found_else_the_last_and_old_ones_are_forgotten(
    session: Session, listener: Listener
) -> None:
    assert current_job(session, "work", listener.id) is None
    ids = [enqueue(session, "work", {}, listener_id=listener.id) for _ in range(3)]
    for expected in (ids[0], ids[1], ids[2], ids[2]):
        found = current_job(session, "work", listener.id)
        assert found is not None
        assert found.id == expected
        if found.state != "done":
            finish_job(session, take(session))
    assert forget_finished(session, older_than_s=60) == 0
    assert forget_finished(session, older_than_s=-1) == 3
    assert current_job(session, "work", listener.id) is None


def test_two_that_take_at_once_never_get_the_same_job(fresh_engine: Engine) -> None:
    with Session(fresh_engine) as session, session.begin():
        for n in range(40):
            enqueue(session, "work", {"n": n})
    together = threading.Barrier(4)
    taken: list[int] = []

    def work() -> None:
        together.wait()
        while True:
            with Session(fresh_engine) as session, session.begin():
                job = take_job(session, ["work"])
            if job is None:
                return
            taken.append(job.id)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 40


def test_a_job_in_the_middle_of_being_taken_is_skipped_not_waited_for(fresh_engine: Engine) -> None:
    with Session(fresh_engine) as session, session.begin():
        first, second = enqueue(session, "work", {}), enqueue(session, "work", {})
    with Session(fresh_engine) as slow, slow.begin():
        assert take(slow).id == first
        with Session(fresh_engine) as quick, quick.begin():
            quick.execute(text("SET LOCAL lock_timeout = '2s'"))
            assert take(quick).id == second
            assert take_job(quick, ["work"]) is None


@pytest.mark.durability
@pytest.mark.slow
@pytest.mark.parametrize("committed", [True, False])
def test_a_killed_takers_job_is_taken_again(fresh_engine: Engine, fresh_database_url: str, *, committed: bool) -> None:
    with Session(fresh_engine) as session, session.begin():
        job_id = enqueue(session, "work", {})
    script = f"""
import sys, time
from sqlalchemy.orm import Session
from db.engine import make_engine
from db.queries.jobs import take_job
session = Session(make_engine(sys.argv[1]))
print(take_job(session, ["work"], lease_s=1.0).id, flush=True)
if {committed}:
    session.commit()
print("taken", flush=True)
time.sleep(60)
"""
    worker = subprocess.Popen(
        [sys.executable, "-c", script, fresh_database_url], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout is not None
    assert int(worker.stdout.readline()) == job_id
    assert worker.stdout.readline() == "taken\n"
    worker.send_signal(signal.SIGKILL)
    worker.communicate()
    again, end = None, time.monotonic() + 60
    while again is None and time.monotonic() < end:  # its lease lasts, or Postgres has not noticed yet
        with Session(fresh_engine) as session, session.begin():
            again = take_job(session, ["work"])
        time.sleep(0.05)
    assert again is not None
    assert again.id == job_id
    assert again.attempts == (2 if committed else 1)


def test_what_is_cancelled_is_gone_whether_it_waits_or_runs_and_what_is_done_stays(session: Session) -> None:
    done = enqueue(session, "work", {}, dedupe_key="mine")
    finish_job(session, take(session))
    enqueue(session, "work", {}, dedupe_key="mine")
    running = take(session)
    enqueue(session, "work", {}, dedupe_key="mine too")
    other = enqueue(session, "work", {}, dedupe_key="another's")
    assert jobs.cancel(session, ["mine", "mine too"]) == 2
    assert not extend_lease(session, running)
    assert jobs.is_over(session, running)
    assert (state(session, done), state(session, other)) == ("done", "waiting")
    assert enqueue(session, "work", {}, dedupe_key="mine")


def test_the_time_left_is_the_usual_one_of_such_jobs_without_what_was_waited(session: Session) -> None:
    def asked(domain: str, priority: int = 5) -> Job:
        found = session.get(Job, enqueue(session, "work", {"domain": domain}, priority=priority))
        assert found is not None
        return found

    def took(seconds: float, domain: str, priority: int = 5) -> None:
        job = asked(domain, priority)
        finish_job(session, take(session))
        late = timedelta(seconds=seconds)
        session.execute(update(Job).where(Job.id == job.id).values(created_at=Job.finished_at - late))

    assert jobs.seconds_left(session, asked("pop")) is None
    take(session)
    for seconds in (10, 40, 400):
        took(seconds, "pop")
    took(7000, "dance")
    took(9000, "pop", priority=1)  # which others go before
    now = asked("pop")
    now.created_at -= timedelta(seconds=30)
    assert jobs.seconds_left(session, now) == pytest.approx(10, abs=9)
    now.created_at -= timedelta(seconds=30)
    assert jobs.seconds_left(session, now) == pytest.approx(-20, abs=9)
