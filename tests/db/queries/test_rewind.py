from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.queries.heads import load_head, save_head
from db.queries.listeners import create_listener, next_entry
from db.queries.restore import count_votes, numbered_votes, rewind_votes, staying
from db.queries.votes import Expected, store_vote
from db.tables import Clip, Listener, Offer

EXPECTED = Expected(p_left=0.5, p_equal=0.2, p_right=0.3, head_version="v1", votes_seen=0)


def vote(session: Session, offer: Offer, outcome: str) -> UUID:
    store_vote(session, offer, outcome=outcome, expected=EXPECTED, left_ms=1, right_ms=1, model_version="v1")
    return offer.id


def test_votes_are_numbered_in_the_order_in_which_they_were_given(
    session: Session, listener: Listener, make_offer: Callable[..., Offer]
) -> None:
    first, second = make_offer(), make_offer()
    vote(session, second, "left")
    vote(session, first, "skipped")
    told = numbered_votes(session, listener.id, before=99, limit=9)
    assert [(each.number, each.outcome) for each in told] == [(2, "skipped"), (1, "left")]
    assert [each.number for each in numbered_votes(session, listener.id, before=2, limit=9)] == [1]
    assert [each.number for each in numbered_votes(session, listener.id, before=99, limit=1)] == [2]
    assert count_votes(session, listener.id) == 2
    assert count_votes(session, uuid4()) == 0


def test_offers_heads_and_own_clips_go_and_sound_that_is_still_used_stays(
    session: Session, listener: Listener, make_offer: Callable[..., Offer], make_clip: Callable[..., UUID]
) -> None:
    other = create_listener(session)
    theirs = vote(session, make_offer(listener=other), "left")
    kept = vote(session, make_offer(), "left")
    before = make_clip(composed_for=listener.id)
    vote(session, make_offer(left_clip=before), "right")
    since, shared = make_clip(composed_for=listener.id, seconds=(7.0, 14.0)), make_clip()
    vote(session, make_offer(left_clip=since, right_clip=shared), "right")
    still_open = make_offer().id
    save_head(
        session, listener.id, model_version="v1", mean=bytes(16), covariance=bytes(32), lapses=1.0, attentive=9.0,
        votes_seen=3,
    )  # fmt: skip
    assert len(rewind_votes(session, listener.id, 1)) == 2
    assert set(session.scalars(select(Offer.id))) == {theirs, kept} != {still_open}
    assert load_head(session, listener.id, "v1") is None
    clips = set(session.scalars(select(Clip.id)))
    assert {before, shared} <= clips
    assert since not in clips
    assert rewind_votes(session, listener.id, 1) == []


def test_answers_of_blind_tests_stay_with_their_clips(
    session: Session, listener: Listener, make_offer: Callable[..., Offer], make_clip: Callable[..., UUID]
) -> None:
    vote(session, make_offer(), "left")
    tested, rival, other = (make_clip(composed_for=listener.id, seconds=(7.0,)) for _ in range(3))
    proof = vote(session, make_offer(left_clip=tested, right_clip=rival, policy="proof"), "right")
    claim = vote(session, make_offer(left_clip=tested, policy="claim"), "skipped")
    vote(session, make_offer(left_clip=other), "right")
    make_offer(policy="claim")  # still open: nothing was told
    assert staying(session, listener.id, 0) == ["right", "skipped"]
    assert len(rewind_votes(session, listener.id, 0)) == 1
    assert set(session.scalars(select(Offer.id))) == {proof, claim}
    assert {tested, rival} <= set(session.scalars(select(Clip.id)))
    assert session.get(Clip, other) is None
    assert rewind_votes(session, listener.id, 0) == []
    assert count_votes(session, listener.id) == 2


def test_entries_of_the_journal_are_counted_one_by_one(session: Session, listener: Listener) -> None:
    for number in (1, 2, 3):
        counted = next_entry(session, listener.id)
        assert counted is listener
        assert listener.journal_entries == number
    assert next_entry(session, uuid4()) is None
