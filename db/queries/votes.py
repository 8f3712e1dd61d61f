"""Votes: taken once, however often they are sent, and never without the prediction that was made before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, TypeVar
from uuid import UUID

from sqlalchemy import Integer, Text, Uuid, func, insert, literal, or_, select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from db.queries.offers import Asked
from db.tables import FOUR_PICKS, PICKS, FourVote, Listener, Listening, Offer, Prediction, Vote

Answer = TypeVar("Answer", Vote, FourVote)
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
class Claim(Generic[Asked, Answer]):
    """What a vote that has just arrived meets: ``asked`` is the pair or the four, ``vote`` what was answered before.

    ``new``: the offer is locked and waits for its vote in this transaction. ``duplicate``: the same vote is stored
    already. ``conflict``: another outcome is. ``not_found``: this listener has no such offer.
    """

    status: Literal["new", "duplicate", "conflict", "not_found"]
    asked: Asked | None = None
    vote: Answer | None = None


def claim(
    session: Session, asked: type[Asked], answers: type[Answer], which: UUID, *, listener_id: UUID, outcome: str
) -> Claim[Asked, Answer]:
    """Lock the listener and ``which`` pair or four and tell what this vote is. Nothing is stored yet.

    The listener's lock comes first, so that their votes, offers and head change in one order and never deadlock.
    """
    query = (
        select(asked, Listener)  # both, so that get_listener() finds the row in the session
        .join(Listener, Listener.id == asked.listener_id)
        .where(asked.id == which, asked.listener_id == listener_id)
        .with_for_update(of=[Listener, asked], key_share=True)
        .execution_options(populate_existing=True)
    )
    row = session.execute(query).one_or_none()
    if row is None:
        return Claim("not_found")
    found: Asked = row[0]
    if found.state == "open":
        return Claim("new", found)
    # asked only now: the lock may have waited for the transaction that stored it
    vote = session.get_one(answers, which, populate_existing=True)
    return Claim("duplicate" if vote.outcome == outcome else "conflict", found, vote)


def store_vote(
    session: Session, offer: Offer, *, outcome: str, expected: Expected, left_ms: int, right_ms: int, model_version: str
) -> None:
    """Store prediction, vote and listening of a claimed ``new`` vote and close the offer, in one round trip.

    Raises ``IntegrityError`` for an outcome or a time that isn't allowed, and for a second vote.
    """
    left, equal, right = (max(p, TINY) for p in (expected.p_left, expected.p_equal, expected.p_right))
    total = left + equal + right
    predicted = (
        insert(Prediction)
        .values(
            offer_id=offer.id,
            p_left=left / total,
            p_equal=equal / total,
            p_right=right / total,
            head_version=expected.head_version,
            votes_seen=expected.votes_seen,
        )
        .returning(Prediction.offer_id, Prediction.made_at)
        .cte("predicted")
    )
    vote = {
        Vote.offer_id: predicted.c.offer_id,
        Vote.listener_id: literal(offer.listener_id, Uuid),
        Vote.outcome: literal(outcome, Text),
        Vote.predicted_at: predicted.c.made_at,
        Vote.model_version: literal(model_version, Text),
        # the machine's clock may be set back in between
        Vote.created_at: func.greatest(func.clock_timestamp(), predicted.c.made_at),
    }
    voted = insert(Vote).from_select(list(vote), select(*vote.values())).returning(Vote.offer_id).cte("voted")
    closed = update(Offer).where(Offer.id == offer.id).values(state="voted").returning(Offer.id).cte("closed")
    heard = {
        Listening.offer_id: voted.c.offer_id,
        Listening.left_ms: literal(left_ms, Integer),
        Listening.right_ms: literal(right_ms, Integer),
    }
    session.flush()
    session.execute(insert(Listening).from_select(list(heard), select(*heard.values())).add_cte(closed))
    set_committed_value(offer, "state", "voted")


@dataclass(frozen=True)
class Judged:
    """A vote with its pair, as a head is fitted from it."""

    offer_id: UUID
    left_clip: UUID
    right_clip: UUID
    outcome: str
    created_at: datetime


def votes_of(session: Session, listener_id: UUID) -> list[Judged]:
    """All votes of a listener on pairs, oldest first."""
    query = (
        select(Offer.id, Offer.left_clip, Offer.right_clip, Vote.outcome, Vote.created_at)
        .join(Vote, Vote.offer_id == Offer.id)
        .where(Vote.listener_id == listener_id)
        .order_by(Vote.created_at, Vote.offer_id)
    )
    return [Judged(*row) for row in session.execute(query)]


def has_voted(session: Session, listener_id: UUID) -> bool:
    """Whether the listener has given any vote, on a pair or a four."""
    any_ = [select(table).where(table.listener_id == listener_id).exists() for table in (Vote, FourVote)]
    return session.scalars(select(or_(*any_))).one()


def count_picks(session: Session, listener_id: UUID, *, until: datetime | None = None) -> int:
    """How many votes of the listener (up to this moment) compare clips: left, right or equal, or one of four."""
    picks = 0
    for table, outcomes in ((Vote, PICKS), (FourVote, FOUR_PICKS)):
        query = select(func.count()).where(table.listener_id == listener_id, table.outcome.in_(outcomes))
        picks += session.scalars(query if until is None else query.where(table.created_at <= until)).one()
    return picks
