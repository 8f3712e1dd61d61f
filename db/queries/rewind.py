"""Going back to an earlier vote: what came after it is deleted, as if it had never been."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from db.queries.heads import delete_heads
from db.queries.listeners import delete_composed
from db.tables import Offer, TasteCard, Vote


@dataclass(frozen=True)
class NumberedVote:
    """A listener's vote; the first one has the number 1."""

    number: int
    outcome: str
    created_at: datetime


def count_votes(session: Session, listener_id: UUID) -> int:
    """How many votes the listener has given, of whatever outcome."""
    return session.scalars(select(func.count()).where(Vote.listener_id == listener_id)).one()


def numbered_votes(session: Session, listener_id: UUID, *, before: int, limit: int) -> list[NumberedVote]:
    """The votes below number ``before``, newest first."""
    order = (Vote.created_at, Vote.offer_id)
    number = func.row_number().over(order_by=order).label("number")
    rows = select(number, Vote.outcome, Vote.created_at).where(Vote.listener_id == listener_id).subquery()
    query = select(rows).where(rows.c.number < before).order_by(rows.c.number.desc()).limit(limit)
    return [NumberedVote(*row) for row in session.execute(query)]


def rewind_votes(session: Session, listener_id: UUID, keep: int) -> list[str]:
    """Delete every vote of a locked listener but the first ``keep``, with the offers, heads and clips that followed.

    Open offers go too: they were drawn for the head that is undone. So do the clips composed after the first vote
    that is undone, and the cards shared since. Gives the URIs of sound that nothing uses any more.
    """
    votes = select(Vote.offer_id, Vote.created_at).where(Vote.listener_id == listener_id)
    undone = votes.order_by(Vote.created_at, Vote.offer_id).offset(keep).subquery()
    begun = session.scalar(select(func.min(undone.c.created_at)))
    if begun is None:
        return []
    gone = or_(Offer.id.in_(select(undone.c.offer_id)), Offer.state == "open")
    session.execute(
        delete(Offer).where(Offer.listener_id == listener_id, gone).execution_options(synchronize_session=False)
    )
    # a card that was shared since tells of votes that never were
    session.execute(delete(TasteCard).where(TasteCard.listener_id == listener_id, TasteCard.created_at > begun))
    delete_heads(session, listener_id)
    return delete_composed(session, listener_id, begun)
