from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session

from db.queries.clips import add_clip
from db.queries.export import export_listener
from db.queries.heads import delete_heads, load_head, save_head
from db.queries.listeners import create_listener, delete_listener, get_listener
from db.queries.offers import create_offer, open_ones
from db.queries.restore import last_vote, reopen, restore_listener, rewind_votes
from db.queries.statistics import foreseen_votes
from db.queries.votes import Expected, count_picks, lock_offer, store_vote, votes_of
from db.tables import OUTCOMES, PICKS, Listener, Listening, Offer, Prediction, Vote

EXPECTED = Expected(p_left=0.5, p_equal=0.2, p_right=0.3, head_version="v1", votes_seen=0)


def take(session: Session, offer_id: UUID, listener_id: UUID, outcome: str, expected: Expected = EXPECTED) -> str:
    found = lock_offer(session, Offer, Vote, offer_id, listener_id=listener_id, outcome=outcome)
    if found.status == "new":
        assert found.offer is not None
        store_vote(
            session,
            found.offer,
            outcome=outcome,
            expected=expected,
            left_ms=3000,
            right_ms=3500,
            model_version="v1",
        )
    return found.status


def test_a_new_vote_closes_its_offer_and_stands_beside_its_prediction(session: Session, offer: Offer) -> None:
    assert take(session, offer.id, offer.listener_id, "left") == "new"
    assert open_ones(session, Offer, offer.listener_id) == []
    vote, prediction = session.get(Vote, offer.id), session.get(Prediction, offer.id)
    assert vote is not None
    assert prediction is not None
    assert prediction.made_at <= vote.created_at
    heard = session.get(Listening, offer.id)
    assert heard is not None
    assert (heard.left_ms, heard.right_ms) == (3000, 3500)


def test_the_same_vote_again_is_a_duplicate_and_another_a_conflict(session: Session, offer: Offer) -> None:
    assert take(session, offer.id, offer.listener_id, "left") == "new"
    assert take(session, offer.id, offer.listener_id, "left") == "duplicate"
    assert take(session, offer.id, offer.listener_id, "right") == "conflict"
    vote = session.get(Vote, offer.id)
    assert vote is not None
    assert vote.outcome == "left"


def test_a_vote_takes_few_round_trips(session: Session, offer: Offer) -> None:
    sent: list[str] = []
    event.listen(session.connection(), "before_cursor_execute", lambda *given: sent.append(given[2]))
    take(session, offer.id, offer.listener_id, "left")
    assert get_listener(session, offer.listener_id) is not None
    assert len(sent) == 2, sent
    assert sent[0].endswith("FOR NO KEY UPDATE OF listeners, offers")  # in this order, or a deletion may deadlock
    assert offer.state == "voted"


def test_nobodys_and_anothers_offers_are_not_found(session: Session, offer: Offer) -> None:
    other = create_listener(session)
    assert take(session, offer.id, other.id, "left") == "not_found"
    assert take(session, uuid4(), offer.listener_id, "left") == "not_found"
    assert take(session, offer.id, uuid4(), "left") == "not_found"
    assert votes_of(session, offer.listener_id) == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=st.lists(st.tuples(st.integers(0, 1), st.sampled_from(OUTCOMES)), min_size=1, max_size=8))
def test_whatever_is_sent_the_first_outcome_of_each_offer_stands(
    session: Session, make_offer: Callable[..., Offer], sent: list[tuple[int, str]]
) -> None:
    offers = [make_offer(), make_offer()]
    first: dict[int, str] = {}
    for which, outcome in sent:
        said = take(session, offers[which].id, offers[which].listener_id, outcome)
        expected = "new" if which not in first else "duplicate" if first[which] == outcome else "conflict"
        assert said == expected
        first.setdefault(which, outcome)
    for which, offer in enumerate(offers):
        vote = session.get(Vote, offer.id)
        assert (vote.outcome if vote else None) == first.get(which)
        assert offer.state == ("voted" if which in first else "open")


@pytest.mark.parametrize(("left", "right"), [(1.0, 0.0), (0.0, 1.0), (1 - 1e-17, 1e-300)])
def test_a_certain_prediction_is_stored_as_nearly_certain(
    session: Session, offer: Offer, left: float, right: float
) -> None:
    sure = replace(EXPECTED, p_left=left, p_equal=0.0, p_right=right)
    assert take(session, offer.id, offer.listener_id, "left", sure) == "new"
    prediction = session.get(Prediction, offer.id)
    assert prediction is not None
    assert prediction.p_left == pytest.approx(left, abs=1e-8)
    assert min(prediction.p_left, prediction.p_equal, prediction.p_right) > 0


def test_votes_come_oldest_first_and_only_comparisons_count_as_picks(
    session: Session, listener: Listener, make_offer: Callable[..., Offer]
) -> None:
    offers = [make_offer() for _ in OUTCOMES]
    for number, (offer, outcome) in enumerate(zip(offers, OUTCOMES, strict=True)):
        take(session, offer.id, listener.id, outcome, replace(EXPECTED, votes_seen=number))
    judged = votes_of(session, listener.id)
    assert [(vote.offer_id, vote.left_clip, vote.outcome) for vote in judged] == [
        (offer.id, offer.left_clip, outcome) for offer, outcome in zip(offers, OUTCOMES, strict=True)
    ]
    assert count_picks(session, listener.id) == len(PICKS)
    predicted = foreseen_votes(session, listener.id)
    assert [row.outcome for row in predicted] == ["right", "equal"]  # before the first vote nothing was known
    assert {(row.p_left, row.policy, row.pair_probability) for row in predicted} == {(0.5, "control", 0.25)}


def test_a_head_is_written_read_and_forgotten(session: Session, listener: Listener) -> None:
    assert load_head(session, listener.id, "v1", for_update=True) is None
    for seen in (1, 2):
        save_head(
            session, listener.id, model_version="v1", mean=bytes(16), covariance=bytes(32), lapses=1.0, attentive=9.0,
            votes_seen=seen,
        )  # fmt: skip
    head = load_head(session, listener.id, "v1")
    assert head is not None
    assert (len(head.mean), len(head.covariance), head.lapses, head.votes_seen) == (16, 32, 1.0, 2)
    assert load_head(session, listener.id, "v2") is None
    delete_heads(session, listener.id)
    assert load_head(session, listener.id, "v1") is None


def test_the_same_vote_sent_many_times_at_once_is_stored_once(fresh_engine: Engine) -> None:
    with Session(fresh_engine) as session, session.begin():
        listener = create_listener(session)
        clips = [
            add_clip(
                session,
                domain="pop",
                notes={},
                recipe={},
                latents={},
                summary=[0.0],
                model_version="v1",
                content_hash=name,
            )[0]
            for name in "ab"
        ]
        offer = create_offer(
            session,
            listener=listener,
            left_clip=clips[0],
            right_clip=clips[1],
            seconds=7.0,
            policy="control",
            pair_probability=1.0,
        )
        assert offer is not None
        offer_id, listener_id = offer.id, listener.id
    together = threading.Barrier(8)
    said: list[str] = []

    def send(outcome: str) -> None:
        with Session(fresh_engine) as session, session.begin():
            session.execute(select(1))
            together.wait()
            said.append(take(session, offer_id, listener_id, outcome))

    threads = [threading.Thread(target=send, args=("left" if i % 2 else "right",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["conflict"] * 4 + ["duplicate"] * 3 + ["new"]
    with Session(fresh_engine) as session:
        assert session.scalar(select(func.count()).select_from(Vote)) == 1
        assert session.scalar(select(func.count()).select_from(Prediction)) == 1


def test_a_listeners_row_counts_the_picks_whatever_comes_and_goes(
    session: Session, listener: Listener, make_offer: Callable[..., Offer], make_clip: Callable[..., UUID]
) -> None:
    """In the vote's own statement; anew where votes are taken back, undone or brought."""

    def counted() -> tuple[int, int]:
        return session.execute(select(Listener.music_picks, Listener.picture_picks)).one()

    def answer(outcome: str, **clips: UUID) -> None:
        offer = make_offer(**clips)
        store_vote(session, offer, outcome=outcome, expected=EXPECTED, left_ms=1, right_ms=1, model_version="v1")

    for outcome in ("left", "neither", "equal", "skipped", "right"):
        answer(outcome)
    assert counted() == (3, 0)
    answer("left", left_clip=make_clip(domain="pictures"), right_clip=make_clip(domain="pictures"))
    assert counted() == (3, 1)
    assert count_picks(session, listener.id) == 4
    exported = export_listener(session, listener.id)
    assert exported is not None
    last = last_vote(session, listener.id)
    assert last is not None
    reopen(session, listener.id, last)
    assert counted() == (3, 0)
    rewind_votes(session, listener.id, 3)
    assert counted() == (2, 0)
    delete_listener(session, listener.id)
    restore_listener(session, exported)
    assert counted() == (3, 1)
