from __future__ import annotations

import time
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import func, select, update

from db.queries import jobs
from db.tables import Clip, ClipAudio, Job
from models.music.notes import Piece
from models.style.drafts import Draft
from webapp.api import health
from webapp.composing import clip_maker, for_listener, pool, rendering, wishes
from webapp.composing.clip_maker import ClipMaker, Order
from webapp.composing.for_listener import CLIPS_A_JOB, Commission
from webapp.context import Context
from webapp.generation.protocol import DeadlinePassed, GenerationError
from webapp.listeners import accounts
from webapp.listeners.accounts import delete
from webapp.taste import overview
from webapp.worker import HANDLERS, Worker

SILENT = rendering.Rendered.silent


@pytest.fixture
def worker(context):
    return Worker(context)


def work_until_idle(worker: Worker, steps: int = 60) -> None:
    for _ in range(steps):
        if not worker.step():
            return


def playable(context, domain="pop") -> int:
    from db.queries.clips import count_pool

    return context.database.transaction(lambda s: count_pool(s, domain=domain))


@pytest.mark.slow
def test_the_worker_fills_an_empty_pool_with_a_pair_first(context, worker):
    assert worker.step()
    assert playable(context) == 2
    listener = accounts.create(context.database)
    pair = context.pairs.open(listener)[0]
    for clip in pair.clips:
        audio = context.database.transaction(lambda s, c=clip.clip_id, n=clip.seconds: s.get(ClipAudio, (c, n)))
        data = context.clip_store.get(audio.uri)
        assert len(data) == audio.bytes
        assert -19 < audio.lufs < -17
        assert audio.true_peak_db < -1


@pytest.mark.slow
def test_the_pool_is_filled_in_turn_and_then_left_alone(context, worker, monkeypatch):
    monkeypatch.setattr(pool, "FEW", 3)
    context.settings = context.settings.model_copy(update={"pool": 3})
    work_until_idle(worker)
    assert [playable(context, domain) for domain in ("pop", "dance", "chorale")] == [3, 3, 3]
    assert not worker.step()


def test_the_pool_grows_as_a_listener_uses_it_up(context, stock, monkeypatch):
    monkeypatch.setattr(pool, "FRESH", 6)
    monkeypatch.setattr(pool, "FEW", 2)
    for domain in ("pop", "dance", "chorale"):
        stock(domain, 8)
    version = context.space.version
    assert context.database.transaction(lambda s: pool.need(s, version, 8)) is None
    listener = accounts.create(context.database)
    for _ in range(4):
        context.pairs.record_vote(listener, context.pairs.open(listener)[0].id, "left", (1, 1))
    needed = context.database.transaction(lambda s: pool.need(s, version, 8))
    assert needed is not None
    assert needed.domain == "pop"


@pytest.mark.durability
@pytest.mark.slow
def test_the_job_of_a_killed_worker_is_taken_again_and_done_once(context, worker):
    def take_and_die(session):
        pool.leave_job(session, context.space.version, context.settings.pool)
        return jobs.take_job(session, list(HANDLERS), lease_s=30)

    taken = context.database.transaction(take_and_die)
    assert taken is not None
    pool.fill(
        context.clip_maker, taken.payload, context.settings.pool
    )  # it composed, and was killed before it could say so
    assert not worker.step()  # another worker waits for the lease
    context.database.transaction(
        lambda s: s.execute(update(Job).values(lease_until=func.clock_timestamp() - timedelta(seconds=1)))
    )
    assert worker.step()
    assert playable(context) == 2  # the same seeds compose the same clips
    state, attempts = context.database.transaction(lambda s: s.execute(select(Job.state, Job.attempts)).one())
    assert (state, attempts) == ("done", 2)


@pytest.mark.slow
def test_clips_composed_for_a_listener_are_theirs_and_done_again_the_same(context, worker, stock, monkeypatch):
    found = []
    remember = jobs.remember
    monkeypatch.setattr(jobs, "remember", lambda s, job, values: found.extend(values) or remember(s, job, values))
    for domain in ("pop", "dance", "chorale"):
        stock(domain, 60)
    listener = accounts.create(context.database)
    for _ in range(4):
        context.pairs.record_vote(listener, context.pairs.open(listener)[0].id, "left", (1, 1))
    assert wishes.state(context.database, listener).state == "waiting"
    assert worker.step()
    state = wishes.state(context.database, listener)
    assert state.state == "done"
    assert 1 <= len(state.clips) <= for_listener.CLIPS_A_JOB
    assert not any(clip.met for clip in state.clips)
    assert not hasattr(state.clips[0], "clip_id")
    job = context.database.transaction(lambda s: s.scalars(select(Job).where(Job.kind == wishes.KIND)).one())
    context.listener_composer.compose(
        Commission(listener, "pop", job.id << 8, found=[Draft.from_json(each) for each in found])
    )
    assert wishes.state(context.database, listener).clips == state.clips
    owners = context.database.transaction(lambda s: set(s.scalars(select(Clip.composed_for))))
    assert owners == {None, listener}
    assert accounts.account(context.database, listener).first_composed.ready


@pytest.mark.slow
def test_a_wish_is_kept_with_its_job_and_tells_how_far_it_is(context, worker, stock, monkeypatch):
    for domain in ("pop", "dance", "chorale"):
        stock(domain, 60)
    monkeypatch.setattr(clip_maker, "rejection_reason", lambda *_: None)
    monkeypatch.setattr(for_listener, "CLIPS_A_JOB", 2)
    listener = accounts.create(context.database)
    for _ in range(3):
        context.pairs.record_vote(listener, context.pairs.open(listener)[0].id, "left", (1, 1))
    near = overview.overview(context.database, context.playable, listener).best[0].clip_id
    told: list[wishes.ComposingState] = []
    real = ClipMaker.keep

    def look(*given, **more):
        told.append(wishes.state(context.database, listener))
        return real(*given, **more)

    monkeypatch.setattr(ClipMaker, "keep", look)
    made = {}
    for wish in (wishes.Wish(mode="near", near=near, keep=0.6), wishes.Wish(mode="surprise")):
        assert wishes.ask(context.database, context.space, listener, wish).wish == wish
        assert worker.step()
        made[wish.mode] = [clip.mode for clip in wishes.state(context.database, listener).clips]
    assert made == {"near": ["near"] * 2, "surprise": ["near"] * 2 + ["surprise"] * 2}
    assert {each.state for each in told} == {"running"}
    assert told[0].progress == wishes.Progress(drawn=24, scored=24, ideas=24, rendered=0, pieces=2)
    assert told[0].wish.keep == 0.6
    kinds = context.database.transaction(
        lambda s: set(s.scalars(select(Clip.kind).where(Clip.composed_for == listener)))
    )
    assert kinds == {"near", "surprise"}  # what no blind proof is made of brings no rivals


def test_a_piece_of_which_the_first_seconds_cant_be_heard_is_not_kept(context, tiny_composer, tmp_path, monkeypatch):
    monkeypatch.setattr(rendering.Rendered, "silent", SILENT)
    (latents,) = tiny_composer.draw_each(["pop"], [0])
    soft, later = [0, 24, 93, 2], [[200 + 12 * place, 12, 60 + place, 80] for place in range(15)]
    piece = Piece(
        notes=np.array([soft, *later]),
        bars=np.array([[96 * bar, 96, 4, 4] for bar in range(4)]),
        tempo_bpm=np.full(4, 60.0),
    )
    made = context.clip_maker.make([Order("pop", 1, Draft(latents, piece))], shortest=True)
    assert (made.clip_ids, made.faults) == ([], {"silent": 1})
    assert not list(tmp_path.rglob("*.mp3"))


@pytest.mark.slow
def test_a_piece_that_the_listener_has_already_is_not_composed_again(context, stock, monkeypatch):
    stock("pop", 16)
    monkeypatch.setattr(clip_maker, "rejection_reason", lambda *_: None)
    found: list[dict] = []
    listener = accounts.create(context.database)
    compose = context.listener_composer.compose
    assert compose(Commission(listener, "pop", 5, clips=1), remember=found.extend).own == 1
    same = [Draft.from_json(each) for each in found]
    assert compose(Commission(listener, "pop", 5, clips=1, found=same)).made.faults == {}  # the same job taken again
    other = compose(Commission(listener, "pop", 900, clips=1, found=same))
    assert (other.own, set(other.made.faults)) == (1, {"there_already"})  # and another one in its place


@pytest.mark.slow
def test_clips_for_somebody_deleted_meanwhile_leave_nothing_behind(context, stock, monkeypatch):
    listener = accounts.create(context.database)
    before = context.clip_store.keys()
    real = rendering.render_into

    def render_slowly(store, piece, seconds, piano=None):
        if accounts.exists(context.database, listener):
            delete(context.records, listener)
        return real(store, piece, seconds, piano)

    monkeypatch.setattr(rendering, "render_into", render_slowly)
    result = context.listener_composer.compose(Commission(listener, "pop", 5))
    assert (result.own, result.made.composed) == (0, CLIPS_A_JOB)  # and nothing in their place
    assert context.clip_store.keys() == before
    assert context.database.transaction(lambda s: s.scalar(select(func.count()).select_from(Clip))) == 0


def test_a_broken_clip_is_thrown_away_and_counted(context, worker, monkeypatch):
    answers = iter(["silent", None, None])
    monkeypatch.setattr(clip_maker, "rejection_reason", lambda *_: next(answers, None))
    worker.step()
    assert playable(context) == 1
    results = context.database.transaction(lambda session: jobs.recent_results(session, health.COUNTED))
    assert health.thrown_away(results) == {"composed": 2, "thrown": 1, "share": 0.5, "reasons": {"silent": 1}}


def test_while_the_generator_is_down_the_job_waits_uncounted(context, space, settings):
    alone = Context(settings, generator_url="http://127.0.0.1:9", space=space)
    worker = Worker(alone)
    worker.stop()  # do not wait for the generator in this test
    assert worker.step()
    state, attempts = alone.database.transaction(lambda s: s.execute(select(Job.state, Job.attempts)).one())
    assert (state, attempts) == ("waiting", 0)
    alone.close()


@pytest.mark.parametrize("error", [DeadlinePassed("too late"), GenerationError("the clip could not be composed")])
def test_a_request_on_which_the_generator_fails_is_tried_a_few_times_and_counted(context, worker, monkeypatch, error):
    def fail(_):
        raise error

    monkeypatch.setattr(context.generation, "generate", fail)
    context.database.transaction(lambda s: jobs.enqueue(s, pool.KIND, {"domain": "pop", "clips": 1, "seed": 1}))
    found = select(Job.state, Job.attempts, Job.max_attempts, Job.error)
    for attempt in range(1, 6):
        assert worker.step(look=False)
        state, attempts, most, why = context.database.transaction(lambda s: s.execute(found).one())
        assert (attempts, state, most) == (attempt, "waiting" if attempt < most else "failed", 5)
        assert str(error) in why
        assert not worker.step(look=False)  # not at once
        context.database.transaction(lambda s: s.execute(update(Job).values(run_after=func.now())))


def test_a_generator_that_is_still_starting_is_waited_for_in_silence(context, worker, monkeypatch, caplog):
    answers = iter([GenerationError("no generator answers"), {"status": "starting"}, {"status": "ok"}])

    def health() -> dict[str, str]:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(context.generation, "health", health)
    worker.wait_for_generator(30.0)
    assert next(answers, None) is None
    assert not caplog.records


def test_a_generator_that_never_answers_is_waited_for_no_longer_than_asked(context, space, settings):
    worker = Worker(Context(settings.model_copy(update={"generator_url": "http://127.0.0.1:1"})))
    started = time.monotonic()
    worker.wait_for_generator(0.3)
    assert time.monotonic() - started < 10


def test_a_generator_of_another_version_is_refused_and_the_job_says_why(context, worker, monkeypatch):
    real = context.generation.generate
    monkeypatch.setattr(
        context.generation, "generate", lambda request: real(request).model_copy(update={"model_version": "other"})
    )
    worker.step()
    error = context.database.transaction(lambda s: s.scalars(select(Job.error)).one())
    assert "other" in error
    assert playable(context) == 0


def test_a_stopped_worker_finishes_its_job_and_takes_no_other(context, worker):
    import threading

    thread = threading.Thread(target=worker.run)
    thread.start()
    end = time.monotonic() + 60
    while playable(context) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    worker.stop()
    thread.join(30)
    assert not thread.is_alive()
    states = context.database.transaction(lambda s: set(s.scalars(select(Job.state))))
    assert "running" not in states
