"""Fours and picks that must not be are impossible in Postgres itself; a four is offered once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db.queries.listeners import create_listener
from db.queries.offers import NotForThisListenerError, clips_shown, met_among, open_ones, shown_among
from db.queries.votes import count_picks, create_four, four_votes_of, has_voted, lock_offer, store_four_vote
from db.tables import FOUR_OUTCOMES, FOUR_PICKS, Four, FourVote, Listener
from models.taste.head import PICKS, PLACES

CHANCES = [0.4, 0.3, 0.2, 0.1]


@pytest.fixture
def make_four(session: Session, listener: Listener, make_clip: Callable[..., UUID]) -> Callable[..., Four]:
    """``make_four()`` → an open four of new clips for ``listener``."""

    def make(**changes: Any) -> Four:
        values: dict[str, Any] = {
            "listener": listener,
            "clips": [make_clip() for _ in range(4)],
            "seconds": 7.0,
            "policy": "information",
            "four_probability": 0.01,
            "order_probability": 1 / 24,
        }
        four = create_four(session, **(values | changes))
        assert four is not None
        return four

    return make


def store(session: Session, four: Four, **changes: Any) -> None:
    values: dict[str, Any] = {
        "outcome": "a",
        "chances": CHANCES,
        "head_version": "v1",
        "votes_seen": 0,
        "heard_ms": [3000] * 4,
        "model_version": "v1",
    }
    store_four_vote(session, four, **(values | changes))


def refuses(session: Session, constraint: str, act: Callable[[], object]) -> None:
    with pytest.raises(IntegrityError, match=constraint), session.begin_nested():
        act()


def test_the_database_knows_the_same_outcomes_as_the_head() -> None:
    assert FOUR_OUTCOMES == PICKS
    assert FOUR_PICKS == PLACES


def test_a_set_comes_once_in_whatever_order(session: Session, listener: Listener, make_four, make_clip) -> None:
    first = make_four()
    a, b, c, d = first.clips
    given = {"seconds": 7.0, "policy": "control", "four_probability": 0.5, "order_probability": 0.5}
    for order in ([d, c, b, a], [b, a, d, c], [c, a, b, d]):
        assert create_four(session, listener=listener, clips=order, **given) is None
    fifth = make_clip()
    assert create_four(session, listener=listener, clips=[a, b, c, fifth], **given) is not None
    assert create_four(session, listener=create_listener(session), clips=[d, c, b, a], **given) is not None
    shown = shown_among(session, Four, listener.id, [a, b, c, d, fifth])
    assert sorted(shown) == sorted([(a, b, c, d), (a, b, c, fifth)])
    assert shown_among(session, Four, listener.id, [a, b, c, fifth]) == [(a, b, c, fifth)]


def test_four_clips_are_four_and_the_listeners_to_hear(
    session: Session, listener: Listener, make_four, make_clip
) -> None:
    a, b, c, d = (make_clip() for _ in range(4))
    for twice in ([a, a, c, d], [a, b, c, a], [a, b, b, d], [a, b, c, c]):
        refuses(session, "four_different_clips", lambda clips=twice: make_four(clips=clips))
    theirs = make_clip(composed_for=create_listener(session).id)
    for wrong in (theirs, uuid4()):
        with pytest.raises(NotForThisListenerError):
            make_four(clips=[a, b, c, wrong])
    assert make_four(clips=[a, b, c, make_clip(composed_for=listener.id)])
    refuses(session, "four_probability_in_0_1", lambda: make_four(four_probability=0.0))
    refuses(session, "order_probability_in_0_1", lambda: make_four(order_probability=1.5))


def test_a_four_has_one_pick_by_its_listener_alone(session: Session, listener: Listener, make_four) -> None:
    four, stranger = make_four(), create_listener(session)
    assert lock_offer(session, Four, FourVote, four.id, listener_id=stranger.id, outcome="a").status == "not_found"
    assert lock_offer(session, Four, FourVote, four.id, listener_id=listener.id, outcome="b").status == "new"
    store(session, four, outcome="b")
    assert lock_offer(session, Four, FourVote, four.id, listener_id=listener.id, outcome="b").status == "duplicate"
    assert lock_offer(session, Four, FourVote, four.id, listener_id=listener.id, outcome="a").status == "conflict"
    refuses(session, "pk_four_votes", lambda: store(session, four))
    other = make_four()
    stored = session.execute(select(FourVote.__table__)).mappings().one()
    forged = dict(stored) | {"four_id": other.id, "listener_id": stranger.id}
    refuses(session, "fk_four_votes", lambda: session.execute(insert(FourVote).values(forged)))
    assert [each.id for each in open_ones(session, Four, listener.id)] == [other.id]
    (judged,) = four_votes_of(session, listener.id)
    assert (judged.clips, judged.outcome) == (four.clips, "b")


@pytest.mark.parametrize(
    ("constraint", "wrong"),
    [
        ("outcome_is_known", {"outcome": "left"}),
        ("chances_sum_to_1", {"chances": [0.4, 0.3, 0.3]}),
        ("heard_not_negative", {"heard_ms": [1, 2, 3, -1]}),
        ("heard_not_negative", {"heard_ms": [1, 2, 3]}),
        ("heard_not_negative", {"heard_ms": [1, 2, 3, None]}),
        ("votes_seen_not_negative", {"votes_seen": -1}),
    ],
)
def test_a_pick_that_can_not_be_is_refused(session: Session, make_four, constraint: str, wrong: dict) -> None:
    four = make_four()
    refuses(session, constraint, lambda: store(session, four, **wrong))


def test_chances_that_do_not_sum_to_one_are_refused(session: Session, listener: Listener, make_four) -> None:
    four = make_four()
    for chances in ([0.4, 0.3, 0.2, 0.2], [1.0, 0.5, -0.5, 0.0], [0.5, 0.5, None, None]):
        values = {
            "four_id": four.id, "listener_id": listener.id, "outcome": "a", "chances": chances, "head_version": "v1",
            "votes_seen": 0, "heard_ms": [0] * 4, "model_version": "v1",
        }  # fmt: skip
        refuses(session, "chances_sum_to_1", lambda row=values: session.execute(insert(FourVote).values(row)))


def test_what_was_shown_is_met_and_a_pick_counts(session: Session, listener: Listener, make_four) -> None:
    voted, waiting = make_four(), make_four()
    assert not has_voted(session, listener.id)
    store(session, voted, outcome="none")
    assert has_voted(session, listener.id)
    assert count_picks(session, listener.id) == 0
    assert set(session.scalars(clips_shown(listener.id, state="voted"))) == set(voted.clips)
    assert set(session.scalars(clips_shown(listener.id))) == {*voted.clips, *waiting.clips}
    assert met_among(session, listener.id, [*voted.clips, uuid4()]) == set(voted.clips)
    store(session, waiting, outcome="d")
    assert count_picks(session, listener.id) == 1
