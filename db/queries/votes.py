"""Votes: taken once, however often they are sent, and never without the prediction that was made before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.queries.listeners import lock_listener
from db.tables import PICKS, Listening, Offer, Prediction, Vote

TINY = 1e-9  # a probability that rounds to 0 is stored as this


@dataclass(frozen=True)
class Expected:
    """What the head expects of a vote that isn't cast yet."""

    p_left: float
    p_equal: float
    p_right: float
    head_version: str
    votes_seen: int


@dataclass(frozen=True)
class Claim:
    """What a vote that has just arrived meets.

    ``new``: the offer is locked and waits for ``store_vote`` in this transaction. ``duplicate``: the same vote is
    stored already. ``conflict``: another outcome is. ``not_found``: this listener has no such offer.
    """

    status: Literal["new", "duplicate", "conflict", "not_found"]
    offer: Offer | None = None
    vote: Vote | None = None


def claim_vote(session: Session, *, offer_id: UUID, listener_id: UUID, outcome: str) -> Claim:
    """Lock listener and offer and tell what this vote is. Nothing is stored yet.

    The listener's lock comes first, so that their votes, offers and head change in one order and never deadlock.
    """
    if lock_listener(session, listener_id) is None:
        return Claim("not_found")
    query = select(Offer).where(Offer.id == offer_id, Offer.listener_id == listener_id).with_for_update()
    offer = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if offer is None:
        return Claim("not_found")
    vote = session.get(Vote, offer_id)
    if vote is None:
        return Claim("new", offer)
    return Claim("duplicate" if vote.outcome == outcome else "conflict", offer, vote)


def store_vote(
    session: Session, offer: Offer, *, outcome: str, expected: Expected, left_ms: int, right_ms: int, model_version: str
) -> Vote:
    """Store prediction, vote and listening of a claimed ``new`` vote, in this order, and close the offer.

    Raises ``IntegrityError`` for an outcome or a time that isn't allowed, and for a second vote.
    """
    made_at = _store_prediction(session, offer.id, expected)
    vote = Vote(
        offer_id=offer.id,
        listener_id=offer.listener_id,
        outcome=outcome,
        predicted_at=made_at,
        model_version=model_version,
        # the machine's clock may be set back in between
        created_at=func.greatest(func.clock_timestamp(), made_at),
    )
    offer.state = "voted"
    session.add(vote)
    session.flush()
    session.add(Listening(offer_id=offer.id, left_ms=left_ms, right_ms=right_ms))
    session.flush()
    return vote


def take_vote(
    session: Session,
    *,
    offer_id: UUID,
    listener_id: UUID,
    outcome: str,
    expected: Expected,
    left_ms: int,
    right_ms: int,
    model_version: str,
) -> Claim:
    """``claim_vote`` and, where it is new, ``store_vote``: for who knows the prediction before asking."""
    claim = claim_vote(session, offer_id=offer_id, listener_id=listener_id, outcome=outcome)
    if claim.status != "new" or claim.offer is None:
        return claim
    vote = store_vote(
        session,
        claim.offer,
        outcome=outcome,
        expected=expected,
        left_ms=left_ms,
        right_ms=right_ms,
        model_version=model_version,
    )
    return Claim("new", claim.offer, vote)


@dataclass(frozen=True)
class Judged:
    """A vote with its pair, as a head is fitted from it."""

    offer_id: UUID
    left_clip: UUID
    right_clip: UUID
    outcome: str
    created_at: datetime


def votes_of(session: Session, listener_id: UUID) -> list[Judged]:
    """All votes of a listener, oldest first."""
    query = (
        select(Offer.id, Offer.left_clip, Offer.right_clip, Vote.outcome, Vote.created_at)
        .join(Vote, Vote.offer_id == Offer.id)
        .where(Vote.listener_id == listener_id)
        .order_by(Vote.created_at, Vote.offer_id)
    )
    return [Judged(*row) for row in session.execute(query)]


def count_picks(session: Session, listener_id: UUID) -> int:
    """How many votes of the listener compare the two clips: left, right or equal."""
    query = select(func.count()).where(Vote.listener_id == listener_id, Vote.outcome.in_(PICKS))
    return session.scalars(query).one()


def _store_prediction(session: Session, offer_id: UUID, expected: Expected) -> datetime:
    left, equal, right = (max(p, TINY) for p in (expected.p_left, expected.p_equal, expected.p_right))
    total = left + equal + right
    prediction = Prediction(
        offer_id=offer_id,
        p_left=left / total,
        p_equal=equal / total,
        p_right=right / total,
        head_version=expected.head_version,
        votes_seen=expected.votes_seen,
    )
    session.add(prediction)
    session.flush()
    return prediction.made_at
