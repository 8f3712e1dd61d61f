"""Figures: how well votes were predicted before they were cast, and what is in the house."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.tables import PICKS, Clip, ClipAudio, FourVote, Job, Listener, Offer, Prediction, Vote


@dataclass(frozen=True)
class PredictedVote:
    """A vote beside the prediction made before it, with the pair's policy and probability for weighing."""

    outcome: str
    p_left: float
    p_equal: float
    p_right: float
    votes_seen: int
    policy: str
    pair_probability: float
    created_at: datetime


def predicted_votes(session: Session, listener_id: UUID) -> list[PredictedVote]:
    """The listener's votes for left, right or equal with their predictions, oldest first.

    Mirrored repeats are left out: the head has seen the answer to them.
    """
    query = (
        select(
            Vote.outcome,
            Prediction.p_left,
            Prediction.p_equal,
            Prediction.p_right,
            Prediction.votes_seen,
            Offer.policy,
            Offer.pair_probability,
            Vote.created_at,
        )
        .join(Prediction, Prediction.offer_id == Vote.offer_id)
        .join(Offer, Offer.id == Vote.offer_id)
        .where(Vote.listener_id == listener_id, Vote.outcome.in_(PICKS), Offer.repeats.is_(None))
        .order_by(Vote.created_at, Vote.offer_id)
    )
    return [PredictedVote(*row) for row in session.execute(query)]


def counts(session: Session) -> dict[str, Any]:
    """``{"pool": {domain: playable clips}, "listeners": …, "votes": …, "jobs": {state: …}}`` for ``/healthz``."""
    playable = select(ClipAudio).where(ClipAudio.clip_id == Clip.id).exists()
    pool = (
        select(Clip.domain, func.count())
        .where(~Clip.retired, Clip.composed_for.is_(None), playable)
        .group_by(Clip.domain)
    )
    jobs = select(Job.state, func.count()).group_by(Job.state)
    return {
        "pool": {str(domain): int(count) for domain, count in session.execute(pool)},
        "listeners": session.scalars(select(func.count()).select_from(Listener)).one(),
        "votes": sum(session.scalars(select(func.count()).select_from(table)).one() for table in (Vote, FourVote)),
        "jobs": {str(state): int(count) for state, count in session.execute(jobs)},
    }
