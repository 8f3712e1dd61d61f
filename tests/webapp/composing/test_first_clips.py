from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy import func, select

from db.queries import jobs
from db.queries.listeners import get_listener
from db.tables import Clip, ClipAudio, Job
from webapp.composing import clip_maker, pool, rendering, wishes
from webapp.composing.for_listener import CLIPS_A_JOB
from webapp.listeners import accounts
from webapp.worker import FirstClipWorker, Worker

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def all_can_be_offered(monkeypatch) -> None:
    monkeypatch.setattr(clip_maker, "rejection_reason", lambda *_: None)
    monkeypatch.setattr(rendering, "LADDER_SECONDS", (2.0,))


@pytest.fixture
def worker(context, stock) -> Worker:
    for domain in ("pop", "dance", "chorale"):
        stock(domain, 60)
    return Worker(context)


def newcomer(context, picks: int = wishes.EARLY_AT):
    listener = accounts.create(context.database)
    context.database.transaction(lambda s: wishes.enqueue(s, get_listener(s, listener), picks))
    return listener


def own(context, listener) -> int:
    return context.database.transaction(lambda s: wishes.count(s, listener))


def test_who_has_no_clip_of_their_own_goes_first(context, worker, stock):
    regular = accounts.create(context.database)
    stock("pop", 1, composed_for=regular)
    context.database.transaction(lambda s: wishes.enqueue(s, get_listener(s, regular), 16))
    context.database.transaction(lambda s: wishes.enqueue(s, get_listener(s, regular), 16, wishes.Wish()))
    first = newcomer(context)
    order = []
    while (job := context.database.transaction(worker._take)) is not None:
        order.append((job.listener_id, "wish" in job.payload))
        context.database.transaction(lambda s, job=job: jobs.finish_job(s, job))
    assert order == [(first, False), (regular, True), (regular, False)]


def test_while_first_clips_are_composed_the_pool_waits_unless_somebody_has_no_pair(context, worker, monkeypatch):
    newcomer(context)
    taken = context.database.transaction(worker._take)
    assert taken is not None
    context.database.transaction(lambda s: jobs.enqueue(s, pool.KIND, {}, priority=pool.Need("pop", 4).priority))
    assert context.database.transaction(worker._take) is None
    context.database.transaction(
        lambda s: jobs.enqueue(s, pool.KIND, {}, priority=pool.Need("pop", 2, hurry=True).priority)
    )
    assert context.database.transaction(worker._take) is not None
    context.database.transaction(lambda s: jobs.finish_job(s, taken))
    assert context.database.transaction(worker._take) is not None


def test_where_others_wait_one_short_clip_comes_first_and_the_rest_later(context, worker, monkeypatch):
    monkeypatch.setattr(rendering, "LADDER_SECONDS", (2.0, 3.0))
    one, two = newcomer(context), newcomer(context)
    assert worker.step()
    assert (own(context, one), own(context, two)) == (1, 0)

    def lengths(listener):
        query = select(ClipAudio.seconds).join(Clip, Clip.id == ClipAudio.clip_id).where(Clip.composed_for == listener)
        return sorted(context.database.transaction(lambda s: s.scalars(query).all()))

    assert lengths(one) == [2.0]
    assert worker.step()  # nobody waits behind this one
    assert own(context, two) == CLIPS_A_JOB
    for _ in range(2):  # pictures for everybody, which take a second, come between
        assert worker.step()
    assert own(context, one) == CLIPS_A_JOB
    assert lengths(one) == [2.0] * 3 + [3.0] * 3
    while worker.step():  # what pictures for everybody are still to come
        pass
    assert context.database.transaction(lambda s: s.scalars(select(Job).where(Job.state != "done")).all()) == []


def test_first_clips_are_composed_side_by_side(context, worker):
    listeners = [newcomer(context) for _ in range(5)]
    first_clips = FirstClipWorker(context)
    thread = threading.Thread(target=first_clips.run)
    thread.start()
    end = time.monotonic() + 300
    while min(own(context, who) for who in listeners) == 0 and time.monotonic() < end:
        time.sleep(0.1)
    first_clips.stop()
    thread.join(120)
    assert min(own(context, who) for who in listeners) > 0
    # one more for whoever's first pieces were all too short, as an untrained model's may be
    states = select(Job.state, func.count()).where(Job.priority == wishes.FIRST_PRIORITY).group_by(Job.state)
    ((state, done),) = context.database.transaction(lambda s: s.execute(states).all())
    assert (state, done >= 5) == ("done", True)


def test_a_job_done_again_composes_from_what_was_found_before(context, worker, monkeypatch):
    listener = newcomer(context)
    job = context.database.transaction(worker._take)
    found: list = []
    real = jobs.remember

    def die(session, job, values):
        real(session, job, values)
        found.extend(values)
        return True

    monkeypatch.setattr(jobs, "remember", die)
    monkeypatch.setattr(context.clip_maker, "make", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        worker._do(job)
    monkeypatch.undo()
    monkeypatch.setattr(clip_maker, "rejection_reason", lambda *_: None)
    monkeypatch.setattr(rendering, "LADDER_SECONDS", (2.0,))
    context.database.transaction(lambda s: jobs.release_job(s, job))
    assert worker.step()
    latents = context.database.transaction(
        lambda s: s.scalars(select(Clip.latents).where(Clip.composed_for == listener).order_by(Clip.created_at)).all()
    )
    groups = [each["latents"]["groups"]["content"] for each in found[:CLIPS_A_JOB]]
    assert sorted(each["groups"]["content"] for each in latents) == sorted(groups)
    stored = context.database.transaction(lambda s: s.get(Job, job.id))
    assert (stored.state, jobs.REMEMBERED in stored.payload) == ("done", False)


@pytest.mark.parametrize(
    "payload",
    [
        {"domain": "pop", "picks": 4},
        {"domain": "pop", "picks": 2, "wish": {"mode": "surprise", "near": None, "keep": 0.5}},
    ],
)
def test_a_job_that_an_earlier_version_left_is_done(context, worker, payload):
    listener = accounts.create(context.database)
    key = f"compose_for:{listener}" + (":asked" if "wish" in payload else "")
    context.database.transaction(
        lambda s: jobs.enqueue(s, "compose_for", payload, dedupe_key=key, listener_id=listener, priority=10)
    )
    assert worker.step()
    assert wishes.state(context.database, listener).state == "done"
    assert own(context, listener) == CLIPS_A_JOB
