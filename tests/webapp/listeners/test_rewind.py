from __future__ import annotations

import uuid

import numpy as np
import pytest
from sqlalchemy import func, select

from db.tables import Clip, Offer, Prediction, StoredHead, Vote
from webapp.composing import wishes
from webapp.learning import heads
from webapp.listeners import accounts, rewind
from webapp.listeners.archive import export
from webapp.runtime.errors import NotAllowed, NotYours

OUTCOMES = ("left", "right", "skipped", "equal", "left", "neither", "right", "left")


def head(context, listener):
    return context.database.transaction(lambda s: heads.load(s, listener, context.space))


def count(context, table, *where) -> int:
    return context.database.transaction(lambda s: s.scalar(select(func.count()).select_from(table).where(*where)))


def vote(context, listener, outcome) -> None:
    context.pairs.record_vote(listener, context.pairs.open(listener)[0].id, outcome, (1, 1))


def same(one, two) -> None:
    np.testing.assert_array_equal(one.mean, two.mean)
    np.testing.assert_array_equal(one.covariance, two.covariance)
    assert (one.tie, one.tie_variance, one.votes_seen) == (two.tie, two.tie_variance, two.votes_seen)


@pytest.mark.slow
def test_every_vote_can_be_gone_back_to(context, stock):
    stock("pop", 16)
    listener, other = (
        accounts.create(context.database),
        accounts.create(context.database),
    )
    for _ in range(3):
        vote(context, other, "left")
    theirs = export(context.database, other)
    after = [head(context, listener)]
    for outcome in OUTCOMES:
        vote(context, listener, outcome)
        after.append(head(context, listener))
    told = export(context.database, listener)["offers"]
    for keep in range(len(OUTCOMES) - 1, -1, -1):
        picks = sum(outcome in {"left", "right", "equal"} for outcome in OUTCOMES[:keep])
        assert rewind.rewind(context.records, listener, keep) == rewind.Rewound(keep, picks, 1)
        same(head(context, listener), after[keep])
        now = export(context.database, listener)["offers"]
        assert now == [offer for offer in told if offer["vote"]][:keep]
        assert len(context.pairs.open(listener)) == 2
    assert count(context, StoredHead, StoredHead.listener_id == listener) == 0
    assert count(context, Vote) == count(context, Prediction) == 3
    assert export(context.database, other) == theirs


def test_after_going_back_one_votes_on_and_pairs_may_come_again(context, stock):
    stock("pop", 3)
    listener = accounts.create(context.database)
    for _ in range(3):
        vote(context, listener, "left")  # all pairs that three clips make
    rewind.rewind(context.records, listener, 1)
    for outcome in ("right", "equal"):
        vote(context, listener, outcome)
    assert [each.outcome for each in rewind.history(context.database, listener, before=9, limit=9).votes] == [
        "equal", "right", "left",
    ]  # fmt: skip


def test_clips_composed_after_the_first_undone_vote_go_with_their_sound(context, stock):
    stock("pop", 12)
    listener, other = (
        accounts.create(context.database),
        accounts.create(context.database),
    )
    vote(context, listener, "left")
    before = stock("pop", 1, composed_for=listener)
    vote(context, listener, "left")
    files = context.clip_store.keys()
    since = stock("pop", 2, composed_for=listener)
    theirs = stock("pop", 1, composed_for=other)
    kept = stock("pop", 1)
    lasting = [
        context.database.transaction(lambda s, c=c: s.get(Clip, c).content_hash) for c in (*before, *theirs, *kept)
    ]
    vote(context, listener, "right")
    assert len(context.clip_store.keys()) == len(files) + 4
    rewind.rewind(context.records, listener, 1)
    assert count(context, Clip, Clip.id.in_(since)) == 0
    assert count(context, Clip, Clip.content_hash.in_(lasting)) == 3
    assert len(context.clip_store.keys()) == len(files) + 2


def test_keeping_all_votes_changes_nothing_and_more_than_all_is_refused(context, stock):
    stock()
    listener = accounts.create(context.database)
    for _ in range(2):
        vote(context, listener, "left")
    before, journal = export(context.database, listener), context.journal.segment(listener).path.read_bytes()
    assert rewind.rewind(context.records, listener, 2) == rewind.Rewound(2, 2, 0)
    with pytest.raises(NotAllowed, match="3 votes can't be kept, there are 2; give a number from 0 to 2"):
        rewind.rewind(context.records, listener, 3)
    assert export(context.database, listener) == before
    assert context.journal.segment(listener).path.read_bytes() == journal


def test_the_history_is_told_in_parts_newest_first(context, stock):
    stock()
    listener = accounts.create(context.database)
    assert rewind.history(context.database, listener, before=9, limit=9) == rewind.History(0, 0, [])
    for outcome in OUTCOMES[:5]:
        vote(context, listener, outcome)
    first = rewind.history(context.database, listener, before=2**31 - 1, limit=2)
    assert (first.total, first.picks) == (5, 4)
    assert [(each.number, each.picks, each.outcome) for each in first.votes] == [(5, 4, "left"), (4, 3, "equal")]
    pairs = {
        tuple(sorted([offer["left_clip"], offer["right_clip"]]))
        for offer in export(context.database, listener)["offers"]
    }
    assert tuple(sorted(str(clip.clip_id) for clip in first.votes[0].clips)) in pairs
    rest = rewind.history(context.database, listener, before=4, limit=9)
    assert [each.number for each in rest.votes] == [3, 2, 1]


def test_votes_on_offers_that_are_undone_are_nobodys(context, stock):
    stock()
    listener = accounts.create(context.database)
    vote(context, listener, "left")
    undone = context.pairs.open(listener)[0].id
    rewind.rewind(context.records, listener, 0)
    with pytest.raises(NotYours):
        context.pairs.record_vote(listener, undone, "left", (1, 1))
    assert count(context, Offer, Offer.id == undone) == 0


def test_nobody_can_be_rewound_who_is_not_there(context):
    for ask in (
        lambda: rewind.rewind(context.records, uuid.uuid4(), 0),
        lambda: rewind.history(context.database, uuid.uuid4(), before=9, limit=9),
    ):
        with pytest.raises(NotYours, match="GET /api/listener gives a new one"):
            ask()


def test_what_is_being_composed_by_votes_that_are_undone_is_taken_back(context, stock):
    stock("pop", 12)
    listener = accounts.create(context.database)
    for _ in range(wishes.EARLY_AT):
        vote(context, listener, "left")
    wishes.ask(context.database, context.space, listener, wishes.GIFT)
    rewind.rewind(context.records, listener, 0)
    assert wishes.state(context.database, listener).state == "none"
