"""Back to any vote: the head is then, bit for bit, the one that this vote had left behind."""

from __future__ import annotations

import uuid

import numpy as np
import pytest
from sqlalchemy import func, select

from db.tables import Clip, Offer, Prediction, StoredHead, Vote
from webapp.services import heads, listeners, offers, rewind, votes
from webapp.services.problems import NotAllowed, NotYours

OUTCOMES = ("left", "right", "skipped", "equal", "left", "neither", "right", "left")


def head(house, listener):
    return house.database.transaction(lambda s: heads.load(s, listener, house.space))


def count(house, table, *where) -> int:
    return house.database.transaction(lambda s: s.scalar(select(func.count()).select_from(table).where(*where)))


def vote(house, listener, outcome) -> None:
    votes.take(house, listener, offers.open_offers(house, listener)[0]["offer_id"], outcome, (1, 1))


def same(one, two) -> None:
    np.testing.assert_array_equal(one.mean, two.mean)
    np.testing.assert_array_equal(one.covariance, two.covariance)
    assert (one.tie, one.tie_variance, one.votes_seen) == (two.tie, two.tie_variance, two.votes_seen)


def test_every_vote_can_be_gone_back_to(house, stock):
    stock("pop", 16)
    listener, other = listeners.create(house), listeners.create(house)
    for _ in range(3):
        vote(house, other, "left")
    theirs = listeners.export(house, other)
    after = [head(house, listener)]
    for outcome in OUTCOMES:
        vote(house, listener, outcome)
        after.append(head(house, listener))
    told = listeners.export(house, listener)["offers"]
    for keep in range(len(OUTCOMES) - 1, -1, -1):
        picks = sum(outcome in {"left", "right", "equal"} for outcome in OUTCOMES[:keep])
        assert rewind.rewind(house, listener, keep) == {"votes": keep, "picks": picks, "undone": 1}
        same(head(house, listener), after[keep])
        now = listeners.export(house, listener)["offers"]
        assert now == [offer for offer in told if offer["vote"]][:keep]
        assert len(offers.open_offers(house, listener)) == 2
    assert count(house, StoredHead, StoredHead.listener_id == listener) == 0
    assert count(house, Vote) == count(house, Prediction) == 3
    assert listeners.export(house, other) == theirs


def test_after_going_back_one_votes_on_and_pairs_may_come_again(house, stock):
    stock("pop", 3)
    listener = listeners.create(house)
    for _ in range(3):
        vote(house, listener, "left")  # all pairs that three clips make
    rewind.rewind(house, listener, 1)
    for outcome in ("right", "equal"):
        vote(house, listener, outcome)
    assert [each["outcome"] for each in rewind.history(house, listener, before=9, limit=9)["votes"]] == [
        "equal", "right", "left",
    ]  # fmt: skip


def test_clips_composed_after_the_first_undone_vote_go_with_their_sound(house, stock):
    stock("pop", 12)
    listener, other = listeners.create(house), listeners.create(house)
    vote(house, listener, "left")
    before = stock("pop", 1, composed_for=listener)
    vote(house, listener, "left")
    files = house.store.keys()
    since = stock("pop", 2, composed_for=listener)
    theirs = stock("pop", 1, composed_for=other)
    kept = stock("pop", 1)
    lasting = [
        house.database.transaction(lambda s, c=c: s.get(Clip, c).content_hash) for c in (*before, *theirs, *kept)
    ]
    vote(house, listener, "right")
    assert len(house.store.keys()) == len(files) + 4
    rewind.rewind(house, listener, 1)
    assert count(house, Clip, Clip.id.in_(since)) == 0
    assert count(house, Clip, Clip.content_hash.in_(lasting)) == 3
    assert len(house.store.keys()) == len(files) + 2


def test_keeping_all_votes_changes_nothing_and_more_than_all_is_refused(house, stock):
    stock()
    listener = listeners.create(house)
    for _ in range(2):
        vote(house, listener, "left")
    before, journal = listeners.export(house, listener), house.journal.segment(listener).path.read_bytes()
    assert rewind.rewind(house, listener, 2) == {"votes": 2, "picks": 2, "undone": 0}
    with pytest.raises(NotAllowed, match="3 votes can't be kept, there are 2; give a number from 0 to 2"):
        rewind.rewind(house, listener, 3)
    assert listeners.export(house, listener) == before
    assert house.journal.segment(listener).path.read_bytes() == journal


def test_the_history_is_told_in_parts_newest_first(house, stock):
    stock()
    listener = listeners.create(house)
    assert rewind.history(house, listener, before=9, limit=9) == {"total": 0, "votes": []}
    for outcome in OUTCOMES[:5]:
        vote(house, listener, outcome)
    first = rewind.history(house, listener, before=2**31 - 1, limit=2)
    assert first["total"] == 5
    assert [(each["number"], each["outcome"]) for each in first["votes"]] == [(5, "left"), (4, "equal")]
    rest = rewind.history(house, listener, before=4, limit=9)
    assert [each["number"] for each in rest["votes"]] == [3, 2, 1]


def test_votes_on_offers_that_are_undone_are_nobodys(house, stock):
    stock()
    listener = listeners.create(house)
    vote(house, listener, "left")
    undone = offers.open_offers(house, listener)[0]["offer_id"]
    rewind.rewind(house, listener, 0)
    with pytest.raises(NotYours):
        votes.take(house, listener, undone, "left", (1, 1))
    assert count(house, Offer, Offer.id == undone) == 0


def test_nobody_can_be_rewound_who_is_not_there(house):
    for ask in (
        lambda: rewind.rewind(house, uuid.uuid4(), 0),
        lambda: rewind.history(house, uuid.uuid4(), before=9, limit=9),
    ):
        with pytest.raises(NotYours, match="GET /api/listener gives a new one"):
            ask()
