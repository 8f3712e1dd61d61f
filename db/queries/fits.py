"""Fits: asked of one listener, answered once, in their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.tables import FIT_PICKS, Fit


def get_fit(session: Session, listener_id: UUID, fit_id: UUID) -> Fit | None:
    """The listener's own; None where they have none of this id."""
    return session.scalar(select(Fit).where(Fit.id == fit_id, Fit.listener_id == listener_id))


def fits_of(session: Session, listener_id: UUID) -> list[Fit]:
    """All that a listener was asked, oldest first."""
    query = select(Fit).where(Fit.listener_id == listener_id)
    return list(session.scalars(query.order_by(Fit.created_at, Fit.id)))


def answered_fits(session: Session, listener_id: UUID) -> list[Fit]:
    """What they have answered, in the order of the answers."""
    query = select(Fit).where(Fit.listener_id == listener_id, Fit.outcome.is_not(None))
    return list(session.scalars(query.order_by(Fit.answered_at, Fit.id)))


def count_fit_picks(session: Session, listener_id: UUID) -> int:
    """How many of the answers compare."""
    query = select(func.count()).where(Fit.listener_id == listener_id, Fit.outcome.in_(FIT_PICKS))
    return session.scalars(query).one()


def add_fit(session: Session, **values: Any) -> Fit:
    """Ask one more; raises ``IntegrityError`` for what can't be asked."""
    fit = Fit(**values)
    session.add(fit)
    session.flush()
    return fit


def answer_fit(
    session: Session, fit: Fit, *, outcome: str, chances: Sequence[float], votes_seen: int, heard_ms: Sequence[int]
) -> None:
    """Store the answer to a fit that has none; raises ``IntegrityError`` for one that isn't allowed."""
    fit.answered_at = session.scalars(select(func.clock_timestamp())).one()
    fit.outcome, fit.votes_seen = outcome, votes_seen
    fit.chances, fit.heard_ms = list(chances), list(heard_ms)
    session.flush()
