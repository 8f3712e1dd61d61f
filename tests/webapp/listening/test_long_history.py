"""A draw looks up what it needs, however much there is; what it finds is what the whole history says."""

from __future__ import annotations

import itertools

import pytest
from sqlalchemy import select

from db.queries.votes import before_vote
from db.tables import Four, Listener, Offer
from webapp.listeners import accounts
from webapp.listening import comparison
from webapp.listening.comparison import CandidatePool

OUTCOMES = ("left", "right", "equal", "neither", "skipped")


@pytest.mark.slow
def test_what_is_looked_up_for_a_draw_is_what_the_whole_history_says(context, stock) -> None:
    stock("pop", 9)
    listener = accounts.create(context.database)
    own = stock("pop", 3, composed_for=listener)
    for number in range(24):
        offer = context.pairs.open(listener)[0].id
        context.pairs.record_vote(listener, offer, OUTCOMES[number % 5], (3000, 3000))
    for pick in "abcd":
        four = context.best_of_four.open(listener)[0].id
        context.best_of_four.record_vote(listener, four, pick, (3000,) * 4)

    def look(session):
        available = CandidatePool.of(session, context.playable, session.get(Listener, listener))
        shown = {}
        for asked in (Offer, Four):
            every = session.scalars(select(asked).where(asked.listener_id == listener)).all()
            shown[asked] = {frozenset(each.clips) for each in every}
            candidates = available.candidates(session, asked, 7.0)
            ids = candidates.clips.ids
            offered = {frozenset(ids[place] for place in each) for each in candidates.offered}
            assert offered == shown[asked]
            assert offered
            assert {*ids} == {*available.pool.ids, *own}
        met = set().union(*shown[Offer], *shown[Four])
        assert available.met == met
        assert [clip in met for clip in ids] == candidates.heard.tolist()

    context.database.transaction(look)


def test_of_a_large_pool_others_are_looked_at_after_each_answer(context, stock, monkeypatch) -> None:
    clips = set(stock("pop", 12))
    listener = accounts.create(context.database)

    def looked_at(answers: int):
        def work(session):
            found = session.get(Listener, listener)
            found.journal_entries = answers
            return CandidatePool.of(session, context.playable, found).pool.ids

        return context.database.transaction(work)

    assert set(looked_at(0)) == clips
    monkeypatch.setattr(comparison, "LOOKED_AT", 5)
    windows = [looked_at(answers) for answers in range(6)]
    assert all(len(each) == len(set(each)) == 5 for each in windows)
    assert all(set(one) != set(next_) for one, next_ in itertools.pairwise(windows))
    assert set().union(*windows) == clips


def test_a_vote_reads_the_picks_from_the_listeners_row(context, live) -> None:
    listener = live(5)  # and one more
    space = context.space

    def work(session):
        session.get(Listener, listener).music_picks = 41
        session.flush()
        return before_vote(session, Offer, listener, model_version=space.version, pictures=False)

    found = context.database.transaction(work)
    assert (found.picks, found.picks_alike) == (41, 41)
