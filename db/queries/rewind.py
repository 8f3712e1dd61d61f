"""Going back to an earlier vote: what came after it is deleted, as if it had never been."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import CompoundSelect, delete, func, or_, select, union_all
from sqlalchemy.orm import Session

from db.queries.heads import delete_heads
from db.queries.listeners import delete_composed
from db.tables import Four, FourVote, Offer, TasteCard, Vote


@dataclass(frozen=True)
class NumberedVote:
    """A listener's vote on a pair or a four; the first one has the number 1."""

    number: int
    outcome: str
    created_at: datetime


def count_votes(session: Session, listener_id: UUID) -> int:
    """How many votes the listener has given, of whatever outcome."""
    return session.scalars(select(func.count()).select_from(_votes(listener_id).subquery())).one()


def numbered_votes(session: Session, listener_id: UUID, *, before: int, limit: int) -> list[NumberedVote]:
    """The votes below number ``before``, newest first."""
    votes = _votes(listener_id).subquery()
    number = func.row_number().over(order_by=(votes.c.created_at, votes.c.id)).label("number")
    rows = select(number, votes.c.outcome, votes.c.created_at).subquery()
    query = select(rows).where(rows.c.number < before).order_by(rows.c.number.desc()).limit(limit)
    return [NumberedVote(*row) for row in session.execute(query)]


def rewind_votes(session: Session, listener_id: UUID, keep: int) -> list[str]:
    """Delete every vote of a locked listener but the first ``keep``, with the offers, heads and clips that followed.

    Open pairs and fours go too: they were drawn for the head that is undone. So do the clips composed after the first
    vote that is undone, and the cards shared since. Gives the URIs of sound that nothing uses any more.
    """
    votes = _votes(listener_id).subquery()
    undone = select(votes.c.id, votes.c.created_at).order_by(votes.c.created_at, votes.c.id).offset(keep).subquery()
    begun = session.scalar(select(func.min(undone.c.created_at)))
    if begun is None:
        return []
    ids = list(session.scalars(select(undone.c.id)))
    for table in (Offer, Four):
        gone = delete(table).where(table.listener_id == listener_id, or_(table.id.in_(ids), table.state == "open"))
        session.execute(gone.execution_options(synchronize_session=False))
    # a card that was shared since tells of votes that never were
    session.execute(delete(TasteCard).where(TasteCard.listener_id == listener_id, TasteCard.created_at > begun))
    delete_heads(session, listener_id)
    return delete_composed(session, listener_id, begun)


def _votes(listener_id: UUID) -> CompoundSelect[tuple[UUID, str, datetime]]:
    """The listener's votes on pairs and on fours: ``id`` of what was offered, ``outcome``, ``created_at``."""
    return union_all(
        select(Vote.offer_id.label("id"), Vote.outcome, Vote.created_at).where(Vote.listener_id == listener_id),
        select(FourVote.four_id, FourVote.outcome, FourVote.created_at).where(FourVote.listener_id == listener_id),
    )
