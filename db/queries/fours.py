"""Fours: offered once, picked from once, by their listener alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, insert, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from db.queries.offers import FOUR_SIDES, NotForThisListenerError
from db.queries.votes import TINY
from db.tables import Clip, Four, FourVote, Listener


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
) -> Four | None:
    """Offer four clips in the listener's study; None where they have had these four before, in any order.

    Raises ``NotForThisListenerError`` for a clip that isn't theirs to hear, and ``IntegrityError`` for one that is
    there twice or a probability outside (0, 1].
    """
    theirs = or_(Clip.composed_for.is_(None), Clip.composed_for == listener.id)
    may_hear = session.scalars(select(func.count()).where(Clip.id.in_(clips), theirs)).one()
    if may_hear < len(set(clips)):
        raise NotForThisListenerError(
            f"some of the clips {', '.join(map(str, clips))} can't be offered to {listener.id}"
        )
    values = {
        "listener_id": listener.id,
        "study_id": listener.study_id,
        "condition": listener.condition,
        **{f"clip_{place}": clip for place, clip in zip("abcd", clips, strict=True)},
        "seconds": seconds,
        "policy": policy,
        "four_probability": four_probability,
        "order_probability": order_probability,
    }
    new = upsert(Four).values(values).on_conflict_do_nothing().returning(Four)
    return session.scalars(new).one_or_none()


def sets_among(session: Session, listener_id: UUID, clips: Sequence[UUID]) -> list[tuple[int, ...]]:
    """Every set of four of these clips that this listener was ever offered, as their places in ``clips``."""
    place = {clip: index for index, clip in enumerate(clips)}
    found = session.execute(select(*FOUR_SIDES).where(Four.listener_id == listener_id)).all()
    return [tuple(place[clip] for clip in row) for row in found if all(clip in place for clip in row)]


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
) -> None:
    """Store a claimed ``new`` pick with what was expected of it, and close the four.

    Raises ``IntegrityError`` for an outcome, a chance or a time that isn't allowed, and for a second pick.
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
    }
    session.execute(insert(FourVote).values(pick))
    four.state = "voted"
    session.flush()


def four_votes_of(session: Session, listener_id: UUID) -> list[JudgedFour]:
    """All picks among four of a listener, oldest first."""
    query = (
        select(Four.id, *FOUR_SIDES, FourVote.outcome, FourVote.created_at)
        .join(FourVote, FourVote.four_id == Four.id)
        .where(FourVote.listener_id == listener_id)
        .order_by(FourVote.created_at, FourVote.four_id)
    )
    return [JudgedFour(four_id, (a, b, c, d), said, at) for four_id, a, b, c, d, said, at in session.execute(query)]
