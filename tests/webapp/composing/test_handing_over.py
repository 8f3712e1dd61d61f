from __future__ import annotations

import pytest
from sqlalchemy import select, update

from db.queries import jobs
from db.tables import Clip, Job
from webapp.composing import wishes
from webapp.runtime.errors import NotReady


@pytest.fixture
def wish(context, live, stock):
    """A listener whose wish is done: three pieces for them; ``(listener, clips)``."""
    listener = live()
    wishes.ask(context.database, context.space, listener, wishes.Wish(mode="surprise"))
    clips = stock("pop", 3, composed_for=listener)

    def done(session):
        session.execute(update(Clip).where(Clip.id.in_(clips)).values(kind="surprise"))
        session.execute(update(Job).where(Job.dedupe_key.endswith(":asked")).values(state="done"))

    context.database.transaction(done)
    return listener, clips


def kinds(context, clips) -> list[str]:
    found = dict(context.database.transaction(lambda s: s.execute(select(Clip.id, Clip.kind)).all()))
    return [found[clip] for clip in clips]


@pytest.mark.slow
def test_the_gift_that_opens_is_always_the_same_and_the_others_stay_blind(context, wish):
    listener, clips = wish
    given = wishes.hand_over(context.database, context.journal, listener)
    assert (given.clip_id, given.mode, given.seconds) == (clips[0], "surprise", 14.0)
    assert kinds(context, clips) == ["opened", "surprise", "surprise"]
    assert wishes.hand_over(context.database, context.journal, listener) == given
    modes = [clip.mode for clip in wishes.state(context.database, listener).clips]
    assert modes.count("opened") == 1


def test_what_was_asked_for_opens_before_what_came_meanwhile(context, wish):
    listener, clips = wish
    others = update(Clip).where(Clip.id.in_(clips[:2])).values(kind="composed")
    context.database.transaction(lambda session: session.execute(others))
    assert wishes.hand_over(context.database, context.journal, listener).clip_id == clips[2]


def test_an_opened_gift_is_in_no_blind_test_and_comes_back_from_the_journal_as_one(context, wish):
    listener, clips = wish
    context.database.transaction(lambda s: s.execute(update(Clip).where(Clip.id.in_(clips)).values(kind="composed")))
    wishes.hand_over(context.database, context.journal, listener)
    number, data = context.journal.segment(listener).state()
    assert number
    assert [clip["kind"] for clip in data["clips"] if clip["id"] == str(clips[0])] == ["opened"]


def test_nothing_opens_for_who_asked_for_nothing(context, live):
    with pytest.raises(NotReady):
        wishes.hand_over(context.database, context.journal, live())


def test_who_waits_for_a_wish_that_is_taken_back_gets_no_older_gift_in_its_place(context, wish):
    listener, clips = wish
    first = context.database.transaction(lambda s: s.scalars(select(Job.id).where(Job.state == "done")).one())
    asked = wishes.ask(context.database, context.space, listener, wishes.GIFT)
    assert wishes.hand_over(context.database, context.journal, listener, asked.job_id).clip_id is None
    wishes.cancel(context.database, listener)
    with pytest.raises(NotReady, match="taken back"):
        wishes.hand_over(context.database, context.journal, listener, asked.job_id)
    assert wishes.hand_over(context.database, context.journal, listener, first).clip_id == clips[0]


@pytest.fixture
def hurried(context, live):
    """A listener whose wish was begun in a hurry: no clip came of it yet, the rest waits."""
    listener = live()
    wishes.ask(context.database, context.space, listener, wishes.GIFT)

    def done(session):
        job = session.scalars(select(Job).where(Job.dedupe_key.endswith(":asked"))).one()
        job.state = "done"
        jobs.cancel(session, [wishes.key_of(listener, asked=False)])
        wishes.enqueue_rest(session, listener, job.payload, wishes.Rest(3, ()))

    context.database.transaction(done)
    return listener


def test_the_rest_of_a_hurried_wish_is_waited_for_and_can_be_cancelled(context, hurried):
    assert wishes.hand_over(context.database, context.journal, hurried).state == "waiting"
    assert wishes.state(context.database, hurried).asked
    assert wishes.cancel(context.database, hurried).state == "done"
    with pytest.raises(NotReady, match="nothing could be composed"):
        wishes.hand_over(context.database, context.journal, hurried)
