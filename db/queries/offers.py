"""Offers: the pairs that a listener has before them."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.tables import Clip, Listener, Offer


class NotForThisListenerError(ValueError):
    """A clip that doesn't exist, or that was composed for somebody else, can't be offered."""


def open_offers(session: Session, listener_id: UUID) -> list[Offer]:
    """The listener's offers that wait for a vote, oldest first."""
    query = select(Offer).where(Offer.listener_id == listener_id, Offer.state == "open")
    return list(session.scalars(query.order_by(Offer.created_at, Offer.id)))


def create_offer(
    session: Session,
    *,
    listener: Listener,
    left_clip: UUID,
    right_clip: UUID,
    seconds: float,
    policy: str,
    pair_probability: float,
    order_probability: float = 0.5,
) -> Offer | None:
    """Offer a pair in the listener's study and condition; None where they have had these two before, in any order.

    Raises ``NotForThisListenerError`` for a clip that isn't theirs to hear, and ``IntegrityError`` for a clip against
    itself or a probability outside (0, 1].
    """
    allowed = select(func.count()).where(
        Clip.id.in_([left_clip, right_clip]), or_(Clip.composed_for.is_(None), Clip.composed_for == listener.id)
    )
    if session.scalars(allowed).one() != len({left_clip, right_clip}):
        raise NotForThisListenerError(f"clips {left_clip} and {right_clip} can't both be offered to {listener.id}")
    values = {
        "listener_id": listener.id,
        "study_id": listener.study_id,
        "condition": listener.condition,
        "left_clip": left_clip,
        "right_clip": right_clip,
        "seconds": seconds,
        "policy": policy,
        "pair_probability": pair_probability,
        "order_probability": order_probability,
    }
    return session.scalars(insert(Offer).values(values).on_conflict_do_nothing().returning(Offer)).one_or_none()


def offered_pairs(session: Session, listener_id: UUID) -> list[tuple[UUID, UUID]]:
    """Every pair that this listener was ever offered, as (left, right), oldest first."""
    query = select(Offer.left_clip, Offer.right_clip).where(Offer.listener_id == listener_id)
    return [(left, right) for left, right in session.execute(query.order_by(Offer.created_at, Offer.id))]
