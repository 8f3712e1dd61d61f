"""Going back to an earlier vote: what came after it is deleted, as if it had never been; and undoing the last one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import CompoundSelect, delete, func, or_, select, union_all, update
from sqlalchemy.orm import Session

from db.queries.blind_tests import CLAIM
from db.queries.heads import delete_heads
from db.queries.listeners import delete_composed
from db.tables import FOUR_PICKS, PICKS, Clip, Four, FourVote, Offer, Prediction, TasteCard, Vote

ASKED_FOR = (CLAIM, "studio")  # policies of pairs that a listener has put together


@dataclass(frozen=True)
class NumberedVote:
    """A listener's vote on a pair or a four (``id``); the first one has the number 1.

    ``picks``: how many of the votes up to it compare clips.
    """

    number: int
    picks: int
    id: UUID
    outcome: str
    created_at: datetime


def count_votes(session: Session, listener_id: UUID) -> int:
    """How many votes the listener has given, of whatever outcome."""
    return session.scalars(select(func.count()).select_from(_votes(listener_id).subquery())).one()


def numbered_votes(session: Session, listener_id: UUID, *, before: int, limit: int) -> list[NumberedVote]:
    """The votes below number ``before``, newest first."""
    votes = _votes(listener_id).subquery()
    order = (votes.c.created_at, votes.c.id)
    number = func.row_number().over(order_by=order).label("number")
    comparing = votes.c.outcome.in_((*PICKS, *FOUR_PICKS))
    picks = func.count().filter(comparing).over(order_by=order, rows=(None, 0)).label("picks")
    rows = select(number, picks, votes.c.id, votes.c.outcome, votes.c.created_at).subquery()
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


def voted_on(session: Session, ids: Collection[UUID]) -> dict[UUID, Offer | Four]:
    """The pairs and fours of these ids."""
    pairs = session.scalars(select(Offer).where(Offer.id.in_(ids)))
    fours = session.scalars(select(Four).where(Four.id.in_(ids)))
    return {each.id: each for each in (*pairs, *fours)}


@dataclass(frozen=True)
class LastVote:
    """The newest vote of a listener, on an offer or a four (``what``), and how that was drawn."""

    what: str
    id: UUID
    policy: str
    domain: str
    created_at: datetime


def last_vote(session: Session, listener_id: UUID) -> LastVote | None:
    """The listener's newest vote; None where there is none."""
    found = []
    for what, asked, votes, same, first in (
        ("offer", Offer, Vote, Vote.offer_id == Offer.id, Offer.left_clip),
        ("four", Four, FourVote, FourVote.four_id == Four.id, Four.clip_a),
    ):
        query = (
            select(asked.id, asked.policy, Clip.domain, votes.created_at)
            .join(votes, same)
            .join(Clip, Clip.id == first)
            .where(votes.listener_id == listener_id)
            .order_by(votes.created_at.desc(), asked.id.desc())
            .limit(1)
        )
        found += [LastVote(what, *row) for row in session.execute(query)]
    return max(found, key=lambda vote: (vote.created_at, vote.id), default=None)


def reopen(session: Session, listener_id: UUID, vote: LastVote) -> None:
    """Delete a locked listener's newest vote with its prediction, and what was drawn since; its offer is open again.

    What the listener has asked for since, from the studio, waits on.
    """
    for asked in (Offer, Four):
        drawn = delete(asked).where(
            asked.listener_id == listener_id,
            asked.state == "open",
            asked.created_at > vote.created_at,
            asked.policy.not_in(ASKED_FOR),
        )
        session.execute(drawn.execution_options(synchronize_session=False))
    if vote.what == "offer":
        session.execute(delete(Prediction).where(Prediction.offer_id == vote.id))  # and the vote with it
    else:
        session.execute(delete(FourVote).where(FourVote.four_id == vote.id))
    table = Offer if vote.what == "offer" else Four
    session.execute(update(table).where(table.id == vote.id).values(state="open"))
    session.expire_all()


def _votes(listener_id: UUID) -> CompoundSelect[tuple[UUID, str, datetime]]:
    """The listener's votes on pairs and on fours: ``id`` of what was offered, ``outcome``, ``created_at``."""
    return union_all(
        select(Vote.offer_id.label("id"), Vote.outcome, Vote.created_at).where(Vote.listener_id == listener_id),
        select(FourVote.four_id, FourVote.outcome, FourVote.created_at).where(FourVote.listener_id == listener_id),
    )
