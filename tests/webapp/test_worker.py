from __future__ import annotations

import time
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from db.queries import jobs
from db.tables import Clip, ClipAudio, Job
from webapp.services import compose, composing, heads, listeners, offers, pool, refit, taste, votes
from webapp.services import encode as encode_service
from webapp.services.house import House
from webapp.worker import HANDLERS, Worker


@pytest.fixture
def worker(house):
    return Worker(house)


def work_until_idle(worker: Worker, steps: int = 60) -> None:
    for _ in range(steps):
        if not worker.step():
            return


def playable(house, domain="pop") -> int:
    from db.queries.clips import count_pool

    return house.database.transaction(lambda s: count_pool(s, domain=domain))


def test_the_worker_fills_an_empty_pool_with_a_pair_first(house, worker):
    assert worker.step()
    assert playable(house) == 2
    listener = listeners.create(house)
    pair = offers.open_offers(house, listener)[0]
    for side in ("left", "right"):
        clip_id, seconds = pair[side]["clip_id"], pair[side]["seconds"]
        audio = house.database.transaction(lambda s, c=clip_id, n=seconds: s.get(ClipAudio, (c, n)))
        data = house.store.get(audio.uri)
        assert len(data) == audio.bytes
        assert -19 < audio.lufs < -17
        assert audio.true_peak_db < -1


def test_the_pool_is_filled_in_turn_and_then_left_alone(house, worker, monkeypatch):
    monkeypatch.setattr(pool, "FEW", 3)
    house.settings = house.settings.model_copy(update={"pool": 3})
    work_until_idle(worker)
    assert [playable(house, domain) for domain in ("pop", "dance", "chorale")] == [3, 3, 3]
    assert not worker.step()


def test_the_pool_grows_as_a_listener_uses_it_up(house, stock, monkeypatch):
    monkeypatch.setattr(pool, "FRESH", 6)
    monkeypatch.setattr(pool, "FEW", 2)
    for domain in ("pop", "dance", "chorale"):
        stock(domain, 8)
    version = house.space.version
    assert house.database.transaction(lambda s: pool.need(s, version, 8)) is None
    listener = listeners.create(house)
    for _ in range(4):
        votes.take(house, listener, offers.open_offers(house, listener)[0]["offer_id"], "left", (1, 1))
    needed = house.database.transaction(lambda s: pool.need(s, version, 8))
    assert needed is not None
    assert needed.domain == "pop"


def test_the_job_of_a_killed_worker_is_taken_again_and_done_once(house, worker):
    def take_and_die(session):
        pool.leave_job(session, house)
        return jobs.take_job(session, list(HANDLERS), lease_s=30)

    taken = house.database.transaction(take_and_die)
    assert taken is not None
    pool.fill(house, taken.payload)  # it composed, and was killed before it could say so
    assert not worker.step()  # another worker waits for the lease
    house.database.transaction(
        lambda s: s.execute(update(Job).values(lease_until=func.clock_timestamp() - timedelta(seconds=1)))
    )
    assert worker.step()
    assert playable(house) == 2  # the same seeds compose the same clips
    state, attempts = house.database.transaction(lambda s: s.execute(select(Job.state, Job.attempts)).one())
    assert (state, attempts) == ("done", 2)


def test_clips_composed_for_a_listener_are_theirs_and_done_again_the_same(house, worker, stock):
    for domain in ("pop", "dance", "chorale"):
        stock(domain, 60)
    listener = listeners.create(house)
    for _ in range(4):
        votes.take(house, listener, offers.open_offers(house, listener)[0]["offer_id"], "left", (1, 1))
    assert compose.state(house, listener)["state"] == "waiting"
    assert worker.step()
    state = compose.state(house, listener)
    assert state["state"] == "done"
    assert 1 <= len(state["clips"]) <= composing.CLIPS_A_JOB
    assert not any(clip["met"] for clip in state["clips"])
    assert "clip_id" not in state["clips"][0]
    job = house.database.transaction(lambda s: s.scalars(select(Job).where(Job.kind == compose.KIND)).one())
    composing.compose_for(house, listener, "pop", seed=job.id << 8)
    assert compose.state(house, listener)["clips"] == state["clips"]
    owners = house.database.transaction(lambda s: set(s.scalars(select(Clip.composed_for))))
    assert owners == {None, listener}
    assert listeners.overview(house, listener)["first_composed"]["ready"]


def test_a_wish_is_kept_with_its_job_and_tells_how_far_it_is(house, worker, stock, monkeypatch):
    for domain in ("pop", "dance", "chorale"):
        stock(domain, 60)
    monkeypatch.setattr(composing, "why_broken", lambda *_: None)
    monkeypatch.setattr(composing, "CLIPS_A_JOB", 2)
    listener = listeners.create(house)
    for _ in range(3):
        votes.take(house, listener, offers.open_offers(house, listener)[0]["offer_id"], "left", (1, 1))
    near = taste.overview(house, listener)["best"][0]["clip_id"]
    told: list[dict] = []
    real = composing.keep

    def look(*given, **more):
        told.append(compose.state(house, listener))
        return real(*given, **more)

    monkeypatch.setattr(composing, "keep", look)
    made = {}
    for wish in (compose.Wish(mode="near", near=near, keep=0.6), compose.Wish(mode="surprise")):
        assert compose.ask(house, listener, wish)["wish"] == wish.model_dump()
        assert worker.step()
        made[wish.mode] = [clip["mode"] for clip in compose.state(house, listener)["clips"]]
    assert made == {"near": ["near"] * 2, "surprise": ["near"] * 2 + ["surprise"] * 2}
    assert {each["state"] for each in told} == {"running"}
    assert told[0]["progress"] == {"drawn": 24, "scored": 24, "ideas": 24, "rendered": 0, "pieces": 2}
    assert told[0]["wish"]["keep"] == 0.6
    kinds = house.database.transaction(lambda s: set(s.scalars(select(Clip.kind).where(Clip.composed_for == listener))))
    assert kinds == {"near", "surprise"}  # what no blind proof is made of brings no rivals


def test_a_piece_that_the_listener_has_already_is_not_composed_again(house, stock, monkeypatch):
    stock("pop", 16)
    monkeypatch.setattr(composing, "why_broken", lambda *_: None)
    monkeypatch.setattr(composing, "CLIPS_A_JOB", 1)
    listener = listeners.create(house)
    assert composing.compose_for(house, listener, "pop", seed=5)["clips"] == 1
    assert composing.compose_for(house, listener, "pop", seed=5)["thrown"] == {}  # the same job taken again
    real, first = house.generator.generate, []

    def repeat(request):
        """The same notes again, as if another request had led to them."""
        result = real(request)
        first.append(result)
        return result.model_copy(update={"notes": first[0].notes})

    monkeypatch.setattr(house.generator, "generate", repeat)
    again = composing.compose_for(house, listener, "pop", seed=900)
    other = composing.compose_for(house, listener, "pop", seed=1800)
    assert (again["clips"], again["thrown"]) == (1, {})
    assert (other["clips"], set(other["thrown"])) == (0, {"there_already"})


def test_clips_for_somebody_deleted_meanwhile_leave_nothing_behind(house, stock, monkeypatch):
    listener = listeners.create(house)
    before = house.store.keys()
    real = composing.render_into

    def render_slowly(store, piece, seconds, piano=None):
        if listeners.exists(house, listener):
            listeners.delete(house, listener)
        return real(store, piece, seconds, piano)

    monkeypatch.setattr(composing, "render_into", render_slowly)
    result = composing.compose_for(house, listener, "pop", seed=5)
    assert result["clips"] == 0
    assert house.store.keys() == before
    assert house.database.transaction(lambda s: s.scalar(select(func.count()).select_from(Clip))) == 0


def test_a_broken_clip_is_thrown_away_and_counted(house, worker, monkeypatch):
    answers = iter(["silent", None, None])
    monkeypatch.setattr(composing, "why_broken", lambda *_: next(answers, None))
    worker.step()
    assert playable(house) == 1
    from webapp.services.health import thrown_away

    report = house.database.transaction(thrown_away)
    assert report == {"composed": 2, "thrown": 1, "share": 0.5, "reasons": {"silent": 1}}


def test_while_the_generator_is_down_the_job_waits_uncounted(house, space, settings):
    alone = House(settings, generator_url="http://127.0.0.1:9", space=space)
    worker = Worker(alone)
    worker.stop()  # do not wait for the generator in this test
    assert worker.step()
    state, attempts = alone.database.transaction(lambda s: s.execute(select(Job.state, Job.attempts)).one())
    assert (state, attempts) == ("waiting", 0)
    alone.close()


def test_a_generator_of_another_version_is_refused_and_the_job_says_why(house, worker, monkeypatch):
    real = house.generator.generate
    monkeypatch.setattr(
        house.generator, "generate", lambda request: real(request).model_copy(update={"model_version": "other"})
    )
    worker.step()
    error = house.database.transaction(lambda s: s.scalars(select(Job.error)).one())
    assert "other" in error
    assert playable(house) == 0


def test_heads_of_a_new_version_are_fitted_from_all_votes(house, worker, stock):
    for domain in ("pop", "dance", "chorale"):
        stock(domain, 60)
    listener = listeners.create(house)
    for outcome in ("left", "right", "equal", "skipped", "left"):
        votes.take(house, listener, offers.open_offers(house, listener)[0]["offer_id"], outcome, (1, 1))
    from db.queries.heads import delete_heads

    learned = house.database.transaction(lambda s: heads.load(s, listener, house.space))
    house.database.transaction(lambda s: delete_heads(s, listener))
    house.database.transaction(lambda s: refit.leave_job(s, house.space.version))
    work_until_idle(worker, 5)
    fitted = house.database.transaction(lambda s: heads.load(s, listener, house.space))
    assert fitted.votes_seen == learned.votes_seen == 4
    assert abs(fitted.mean - learned.mean).max() < 0.5
    assert not house.database.transaction(lambda s: refit.leave_job(s, house.space.version))


def test_after_a_change_of_model_clips_are_encoded_and_heads_fitted_from_the_old_votes(house, worker, stock):
    for domain in ("pop", "dance", "chorale"):
        stock(domain, 60)
    listener = listeners.create(house)
    own = stock("pop", 1, composed_for=listener)
    for _ in range(3):
        votes.take(house, listener, offers.open_offers(house, listener)[0]["offer_id"], "left", (1, 1))

    def grow_old(session):
        from db.queries.heads import delete_heads
        from db.queries.votes import votes_of

        met = {clip for vote in votes_of(session, listener) for clip in (vote.left_clip, vote.right_clip)}
        session.execute(update(Clip).where(Clip.id.in_([*met, *own])).values(model_version="older"))
        delete_heads(session, listener)

    house.database.transaction(grow_old)
    work_until_idle(worker, 6)
    assert house.database.transaction(lambda s: encode_service.older_clips(s, house.space.version, 9)) == []
    assert house.database.transaction(lambda s: heads.load(s, listener, house.space)).votes_seen == 3


def test_a_stopped_worker_finishes_its_job_and_takes_no_other(house, worker):
    import threading

    thread = threading.Thread(target=worker.run)
    thread.start()
    end = time.monotonic() + 60
    while playable(house) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    worker.stop()
    thread.join(30)
    assert not thread.is_alive()
    states = house.database.transaction(lambda s: set(s.scalars(select(Job.state))))
    assert "running" not in states
