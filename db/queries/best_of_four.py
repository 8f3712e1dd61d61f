"""Fours: offered once, picked from once, by their listener alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, insert, select, update
from sqlalchemy.orm import Session, aliased
from sqlalchemy.orm.attributes import set_committed_value

from db.queries.heads import HeadColumns, head_parameters, save_head_cte
from db.queries.offers import FOUR_SIDES, create
from db.queries.prepared import built_once
from db.queries.votes import TINY
from db.tables import Four, FourVote, Listener


@dataclass(frozen=True)
class JudgedFour:
    """A pick with its clips in the order of their places, as a head is fitted from it."""

    four_id: UUID
    clips: tuple[UUID, UUID, UUID, UUID]
    outcome: str
    created_at: datetime


def create_four(
    session: Session,
    *,
    listener: Listener,
    clips: Sequence[UUID],
    seconds: float,
    policy: str,
    four_probability: float,
    order_probability: float,
    **fixed: Any,
) -> Four | None:
    """Offer four clips in the listener's study; None where they have had these four before, in any order.

    ``fixed`` are other columns, such as an id that was given out already. Raises ``NotForThisListenerError`` for a clip
    that isn't theirs to hear, and ``IntegrityError`` for one that is there twice or a probability outside (0, 1].
    """
    about = {
        **{f"clip_{place}": clip for place, clip in zip("abcd", clips, strict=True)},
        "seconds": seconds,
        "policy": policy,
        "four_probability": four_probability,
        "order_probability": order_probability,
        "condition": listener.condition,
        **fixed,
    }
    return create(session, Four, listener, clips, about)


def store_four_vote(
    session: Session,
    four: Four,
    *,
    outcome: str,
    chances: Sequence[float],
    head_version: str,
    votes_seen: int,
    heard_ms: Sequence[int],
    model_version: str,
    trust: str = "unavailable",
    learned: HeadColumns | None = None,
) -> FourVote:
    """Store a claimed ``new`` pick with what was expected of it and the head that it led to, and close the four.

    All in one round trip. Raises ``IntegrityError`` for an outcome, a chance or a time that isn't allowed, and for a
    second pick.
    """
    likely = [max(float(chance), TINY) for chance in chances]
    pick = {
        "four_id": four.id,
        "listener_id": four.listener_id,
        "outcome": outcome,
        "chances": [chance / sum(likely) for chance in likely],
        "head_version": head_version,
        "votes_seen": votes_seen,
        "heard_ms": list(heard_ms),
        "model_version": model_version,
        "trust": trust,
    }
    session.flush()
    given = {f"its_{name}": value for name, value in pick.items()} | head_parameters(four.listener_id, learned)
    stored = session.scalars(_store(with_head=learned is not None), given).one()
    set_committed_value(four, "state", "voted")
    return stored


@built_once
def _store(*, with_head: bool) -> Select[FourVote]:
    names = ("four_id", "listener_id", "outcome", "chances", "head_version", "votes_seen", "heard_ms")
    columns = {name: getattr(FourVote, name) for name in (*names, "model_version", "trust")}
    values = {name: bindparam(f"its_{name}", type_=column.type) for name, column in columns.items()}
    picked = insert(FourVote).values(values).returning(*FourVote.__table__.c).cte("picked")
    closed = update(Four).where(Four.id == values["four_id"]).values(state="voted").returning(Four.id).cte("closed")
    return select(aliased(FourVote, picked)).add_cte(closed, *([save_head_cte()] if with_head else []))


def four_votes_of(session: Session, listener_id: UUID) -> list[JudgedFour]:
    """All picks among four of a listener, oldest first."""
    query = (
        select(Four.id, *FOUR_SIDES, FourVote.outcome, FourVote.created_at)
        .join(FourVote, FourVote.four_id == Four.id)
        .where(FourVote.listener_id == listener_id)
        .order_by(FourVote.created_at, FourVote.four_id)
    )
    return [JudgedFour(four_id, (a, b, c, d), said, at) for four_id, a, b, c, d, said, at in session.execute(query)]
