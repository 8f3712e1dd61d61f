"""Another model becomes the default, and the first one again: what a listener gave and has moves over."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from sqlalchemy import select, update

from db.queries import clips as clip_rows
from db.queries import offers as offer_rows
from db.queries.listeners import lock_listener
from db.tables import Clip, ClipAudio, Listener, StoredHead
from models.metrics.music_statistics import ATTRIBUTES
from models.music.notes import DOMAINS
from models.style.checkpoint import tiny_style
from models.style.compose import Composer
from models.taste.space import TasteSpace, summary
from webapp.composing import clip_maker, pool, wishes
from webapp.context import Context
from webapp.learning import heads, refits
from webapp.listeners import accounts
from webapp.listeners.archive import export
from webapp.worker import Worker

OUTCOMES = ("left", "right", "equal", "neither", "skipped")
BASE = 2  # clips of each domain in the pool


@pytest.fixture
def next_context(context, settings) -> Iterator[Context]:
    """The same installation with another tiny model, whose latents mean something else."""
    from webapp.generation.engine import Engine

    composer = Composer(tiny_style(1))
    summaries = np.stack([summary(each) for each in composer.draw_each(["pop"] * 200, range(200))])
    attributes = summaries @ np.random.default_rng(1).standard_normal((summaries.shape[1], len(ATTRIBUTES)))
    space = TasteSpace.fit(summaries, attributes, tuple(ATTRIBUTES), composer.version)
    found = Context(settings.model_copy(update={"pool": BASE}), space=space)
    found.generation = Engine(composer, slots=4)  # type: ignore[assignment] (what is behind the remote one)
    yield found
    found.close()


@pytest.fixture(autouse=True)
def small_pool(monkeypatch) -> None:
    for name, value in {"FIRST": BASE, "FEW": BASE, "FRESH": 0}.items():
        monkeypatch.setattr(pool, name, value)
    monkeypatch.setattr(pool, "most_met", lambda *_: 0)
    monkeypatch.setattr(wishes, "is_due", lambda _: False)
    monkeypatch.setattr(clip_maker, "rejection_reason", lambda *_: None)  # whatever the second model composes


def work(context: Context) -> None:
    worker = Worker(context)
    for _ in range(60):
        if not worker.step():
            return
    pytest.fail("the worker always finds something to do")


def head_of(context: Context, listener):
    return context.database.transaction(lambda s: heads.load(s, listener, context.space))


def vote_on(context: Context, listener, pair) -> None:
    """A vote on these two clips."""

    def offer(session):
        about = {"seconds": 7.0, "policy": "random", "pair_probability": 0.5, "order_probability": 0.5}
        who = lock_listener(session, listener)
        return offer_rows.create_offer(session, listener=who, left_clip=pair[0], right_clip=pair[1], **about).id

    context.pairs.record_vote(listener, context.database.transaction(offer), "left", (1, 1))


def sounds(context: Context, clip_ids) -> list[bytes]:
    uris = select(ClipAudio.uri).where(ClipAudio.clip_id.in_(clip_ids)).order_by(ClipAudio.uri)
    return [context.clip_store.get(uri) for uri in context.database.transaction(lambda s: s.scalars(uris).all())]


def composed_by(context: Context, version: str) -> list[int]:
    counts = lambda s: [clip_rows.count_composed_by(s, domain=d, model_version=version) for d in DOMAINS]  # noqa: E731
    return context.database.transaction(counts)


@pytest.mark.slow
def test_pool_heads_and_own_clips_move_over_to_another_model_and_back(
    context, next_context, stock, monkeypatch
) -> None:
    old, new = context.space.version, next_context.space.version
    assert old != new
    stocked = stock("pop", 8)
    context.database.transaction(lambda s: s.execute(update(Clip).values(recipe={"model_version": old})))
    listener = accounts.create(context.database)
    own = stock("pop", 1, composed_for=listener)
    for outcome in OUTCOMES:
        context.pairs.record_vote(listener, context.pairs.open(listener)[0].id, outcome, (1, 1))
    context.best_of_four.record_vote(listener, context.best_of_four.open(listener)[0].id, "b", (1, 1, 1, 1))
    before, told = head_of(context, listener), export(context.database, listener)
    waiting = context.pairs.open(listener)
    assert before.votes_seen == 5
    judged = {row[side] for row in told["offers"] for side in ("left_clip", "right_clip")}
    for clip in stocked[:4]:  # as those of an imported listener are
        context.database.transaction(lambda s, clip=clip: clip_rows.change_clip(s, clip, {"retired": True}))

    # the new model has not seen any old clip yet: what is open stays, a vote on it is kept, and newer ones teach
    assert next_context.pairs.open(listener) == waiting
    next_context.pairs.record_vote(listener, waiting[0].id, "right", (1, 1))
    pool.fill(next_context.clip_maker, {"domain": "pop", "clips": BASE, "seed": 80}, next_context.settings.pool)
    made = next_context.database.transaction(lambda s: clip_rows.pool_clips(s, domain="pop", model_version=new))
    vote_on(next_context, listener, [clip.id for clip in made])
    assert head_of(next_context, listener).votes_seen == 1

    work(next_context)
    after = head_of(next_context, listener)
    assert (after.version, after.votes_seen) == (new, 7)
    learned = next_context.database.transaction(
        lambda s: heads.learned(s, s.get(Listener, listener), next_context.space)
    )
    assert np.array_equal(after.joint_mean, learned.joint_mean)
    assert not np.allclose(after.mean, before.mean)
    assert set(next_context.database.transaction(lambda s: s.scalars(select(StoredHead.model_version)).all())) == {new}
    assert all(count >= BASE for count in composed_by(next_context, new))
    left = next_context.database.transaction(lambda s: clip_rows.pool_clips(s, domain="pop"))
    assert not {clip.id for clip in left} & set(stocked)
    assert len(sounds(next_context, [*stocked, *own])) == 2 * (8 + 1)
    versions = select(Clip.model_version).where(Clip.id.in_([*own, *judged]))
    assert set(next_context.database.transaction(lambda s: s.scalars(versions).all())) == {new}
    moved = export(next_context.database, listener)
    for part in ("offers", "fours"):  # with their votes and what was foreseen
        answered = [row for row in told[part] if row["state"] == "voted"]
        assert answered
        assert all(row in moved[part] for row in answered)
    theirs = next_context.database.transaction(lambda s: clip_rows.composed_clips(s, listener, model_version=new))
    assert [clip.id for clip in theirs] == own

    monkeypatch.setattr(pool, "leave_job", lambda *_, **__: False)  # seen already
    work(context)  # the first model again: it knows what was said meanwhile, too
    back = head_of(context, listener)
    assert (back.version, back.votes_seen) == (old, 7)


def test_a_head_that_knows_fewer_votes_than_were_given_on_its_clips_is_learned_again(context, live) -> None:
    listener = live(4)
    known = head_of(context, listener)
    # as it was while clips that had been voted on were not encoded by this model yet
    context.database.transaction(lambda s: s.execute(update(StoredHead).values(votes_seen=known.votes_seen - 1)))
    assert context.database.transaction(lambda s: refits.leave_job(s, context.spaces))
    assert refits.refit_heads(context.database, context.spaces) == {"heads": 1}
    assert head_of(context, listener).votes_seen == known.votes_seen
    assert not context.database.transaction(lambda s: refits.leave_job(s, context.spaces))


def test_a_clip_that_a_new_model_cannot_read_is_tried_once_and_by_the_next_again(context, next_context, stock) -> None:
    broken = stock("pop", 1)[0]
    silent = {"notes": {**context.database.transaction(lambda s: s.get(Clip, broken).notes), "notes": []}}
    context.database.transaction(lambda s: s.execute(update(Clip).where(Clip.id == broken).values(silent)))
    new = next_context.space.version
    older = lambda version: context.database.transaction(lambda s: refits.older_clips(s, version, 9))  # noqa: E731
    assert refits.encode_clips(
        next_context.database, next_context.journal, next_context.generation, next_context.space
    ) == {"encoded": 0, "retired": 1}
    assert older(new) == []
    context.database.transaction(lambda s: s.execute(update(Clip).values(retired=False)))
    assert older(context.space.version) == [broken]
    assert not context.database.transaction(lambda s: refits.leave_job(s, next_context.spaces))
