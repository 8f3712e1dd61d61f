"""Offers are made once a pair, for whom they are meant, and found oldest first."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from db.queries.listeners import create_listener
from db.queries.offers import NotForThisListenerError, create_offer, offered_pairs, open_offers
from db.tables import Listener, Offer


def test_open_offers_come_oldest_first_and_only_ones_own(
    session: Session, listener: Listener, make_offer: Callable[..., Offer]
) -> None:
    made = [make_offer() for _ in range(4)]
    make_offer(listener=create_listener(session))
    made[1].state = "voted"
    assert open_offers(session, listener.id) == [made[0], made[2], made[3]]
    assert offered_pairs(session, listener.id) == [(offer.left_clip, offer.right_clip) for offer in made]


def test_an_offer_carries_its_listeners_study_and_condition(session: Session, make_offer: Callable[..., Offer]) -> None:
    offer = make_offer(listener=create_listener(session, condition="control"), pair_probability=0.125)
    session.refresh(offer)
    assert (offer.study_id, offer.condition, offer.state) == ("default", "control", "open")
    assert (offer.pair_probability, offer.order_probability) == (0.125, 0.5)


def test_a_pair_that_was_offered_before_is_not_offered_again_in_any_order(
    session: Session, listener: Listener, offer: Offer
) -> None:
    for left, right in [(offer.left_clip, offer.right_clip), (offer.right_clip, offer.left_clip)]:
        again = create_offer(
            session, listener=listener, left_clip=left, right_clip=right, seconds=7.0, policy="x", pair_probability=1.0
        )
        assert again is None
    assert open_offers(session, listener.id) == [offer]


def test_a_clip_composed_for_somebody_else_is_never_offered(
    session: Session, make_offer: Callable[..., Offer], make_clip: Callable[..., UUID]
) -> None:
    theirs = make_clip(composed_for=create_listener(session).id)
    for clip in (theirs, uuid4()):
        with pytest.raises(NotForThisListenerError):
            make_offer(right_clip=clip)
