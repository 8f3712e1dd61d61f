from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db.queries.listeners import create_listener
from db.queries.offers import (
    NotForThisListenerError,
    create_offer,
    met_among,
    open_ones,
    repeatable,
    shown_among,
)
from db.queries.statistics import outcomes, proofs, repeats
from db.queries.votes import Expected, store_vote
from db.tables import Clip, Listener, Offer


def test_open_offers_come_oldest_first_and_only_ones_own(
    session: Session, listener: Listener, make_offer: Callable[..., Offer]
) -> None:
    made = [make_offer() for _ in range(4)]
    make_offer(listener=create_listener(session))
    made[1].state = "voted"
    assert open_ones(session, Offer, listener.id) == [made[0], made[2], made[3]]
    everything = {clip for offer in made for clip in (offer.left_clip, offer.right_clip)}
    assert met_among(session, listener.id, [*everything, uuid4()]) == everything
    assert met_among(session, create_listener(session).id, everything) == met_among(session, listener.id, []) == set()
    some = [made[2].right_clip, uuid4(), made[0].left_clip, made[2].left_clip]
    assert shown_among(session, Offer, listener.id, some) == [made[2].clips]
    assert sorted(shown_among(session, Offer, listener.id, everything)) == sorted(offer.clips for offer in made)


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
    assert open_ones(session, Offer, listener.id) == [offer]


def test_a_clip_composed_for_somebody_else_is_never_offered(
    session: Session, make_offer: Callable[..., Offer], make_clip: Callable[..., UUID]
) -> None:
    theirs = make_clip(composed_for=create_listener(session).id)
    for clip in (theirs, uuid4()):
        with pytest.raises(NotForThisListenerError):
            make_offer(right_clip=clip)


EXPECTED = Expected(p_left=0.5, p_equal=0.2, p_right=0.3, head_version="v1", votes_seen=0)


def answer(session: Session, offer: Offer, outcome: str = "left") -> None:
    store_vote(session, offer, outcome=outcome, expected=EXPECTED, left_ms=1, right_ms=1, model_version="v1")


def mirrored(session: Session, listener: Listener, offer: Offer) -> Offer | None:
    return create_offer(
        session,
        listener=listener,
        left_clip=offer.right_clip,
        right_clip=offer.left_clip,
        seconds=7.0,
        policy="repeat",
        pair_probability=0.1,
        order_probability=1.0,
        repeats=offer.id,
    )


def test_a_pair_comes_again_once_and_mirrored(session: Session, listener: Listener, offer: Offer) -> None:
    with pytest.raises(IntegrityError, match="fk_offers_repeats_offers"), session.begin_nested():
        create_offer(
            session,
            listener=listener,
            left_clip=offer.left_clip,
            right_clip=offer.right_clip,
            seconds=7.0,
            policy="repeat",
            pair_probability=0.1,
            repeats=offer.id,
        )
    again = mirrored(session, listener, offer)
    assert again is not None
    assert again.repeats == offer.id
    assert mirrored(session, listener, offer) is None


def test_nobody_repeats_what_somebody_else_was_offered(session: Session, offer: Offer) -> None:
    with pytest.raises(IntegrityError, match="fk_offers_repeats_offers"), session.begin_nested():
        mirrored(session, create_listener(session), offer)


def test_only_pairs_picked_on_some_votes_ago_may_come_again(
    session: Session, listener: Listener, make_offer: Callable[..., Offer], make_clip: Callable[..., UUID]
) -> None:
    def found(gap: int = 2, window: int = 9) -> list[Offer]:
        return repeatable(session, listener, model_version="v1", kept_out=("proof",), gap=gap, window=window)

    said = ["left", "neither", "right", "equal", "left", "right", "left", "left"]
    made = [make_offer(policy="proof" if place == 4 else "control") for place in range(len(said))]
    for offer, outcome in zip(made, said, strict=True):
        answer(session, offer, outcome)
    retired = session.get(Clip, made[5].left_clip)
    assert retired is not None
    retired.retired = True
    session.flush()
    assert found() == [made[0], made[2], made[3]]
    assert found(window=4) == [made[2], made[3]]
    assert found(gap=8) == []
    again = mirrored(session, listener, made[2])
    assert again is not None
    answer(session, again, "left")
    assert found() == [made[0], made[3], made[6]]  # one vote more lies between; a repeat is not repeated
    assert repeats(session, listener.id, pictures=False) == [("right", "left")]
    assert outcomes(session, listener.id, pictures=False) == {"left": 4, "neither": 1, "right": 2, "equal": 1}
    listener.domain = "dance"
    assert found() == []


def test_a_proof_is_won_by_the_clip_for_this_listener_on_either_side(
    session: Session, listener: Listener, make_offer: Callable[..., Offer], make_clip: Callable[..., UUID]
) -> None:
    said = [("left", True), ("left", False), ("equal", True), ("right", False), ("skipped", True), ("neither", False)]
    for outcome, mine_left in said:
        sides = [make_clip(composed_for=listener.id), make_clip(composed_for=listener.id, kind="average")]
        left, right = sides if mine_left else sides[::-1]
        offer = make_offer(left_clip=left, right_clip=right, policy="proof", condition="for_me_vs_average")
        assert offer.condition == "for_me_vs_average"
        answer(session, offer, outcome)
    answer(session, make_offer(left_clip=make_clip(composed_for=listener.id)), "left")  # no proof
    assert [proof.won for proof in proofs(session, listener.id, pictures=False)] == [1.0, 0.0, 0.5, 1.0]
    assert {proof.condition for proof in proofs(session, listener.id, pictures=False)} == {"for_me_vs_average"}
