"""Figures: how well votes were predicted before they were cast, and what is in the house."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.queries.offers import asked_about
from db.tables import FOUR_PICKS, PICKS, Clip, ClipAudio, Four, FourVote, Job, Offer, Prediction, Vote


@dataclass(frozen=True)
class PredictedVote:
    """A vote with the prediction made before it and how its pair was drawn; ``repeated`` where it mirrors another.

    ``suspicious``: more is said to be heard than can have been.
    """

    listener_id: UUID
    outcome: str
    p_left: float
    p_equal: float
    p_right: float
    votes_seen: int
    policy: str
    pair_probability: float
    repeated: bool
    suspicious: bool


@dataclass(frozen=True)
class PredictedPick:
    """A pick of four, or none of them, with the ``chances`` of the four that it was given before."""

    outcome: str
    chances: tuple[float, float, float, float]


def predicted_votes(
    session: Session, *, listener_id: UUID | None = None, study_id: str | None = None, pictures: bool = False
) -> list[PredictedVote]:
    """Every vote on music, or on ``pictures`` (of a listener; of a study but imported ones).

    In the order of listeners and times.
    """
    query = (
        select(
            Vote.listener_id,
            Vote.outcome,
            Prediction.p_left,
            Prediction.p_equal,
            Prediction.p_right,
            Prediction.votes_seen,
            Offer.policy,
            Offer.pair_probability,
            Offer.repeats.is_not(None),
            Vote.trust == "suspicious",
        )
        .join(Offer, Offer.id == Vote.offer_id)
        .join(Prediction, Prediction.offer_id == Vote.offer_id)
        .where(asked_about(Offer.left_clip, pictures=pictures))
        .order_by(Vote.listener_id, Vote.created_at, Vote.offer_id)
    )
    if listener_id is not None:
        query = query.where(Vote.listener_id == listener_id)
    if study_id is not None:
        query = query.where(Offer.study_id == study_id, Vote.trust != "imported")
    return [PredictedVote(*tuple(row)) for row in session.execute(query)]


def foreseen_votes(session: Session, listener_id: UUID, *, pictures: bool = False) -> list[PredictedVote]:
    """The listener's votes for left, right or equal that could be foreseen, on music or on ``pictures``, oldest first.

    Mirrored repeats are left out: the head has seen the answer to them. So is the first vote, before which nothing was
    known of the listener.
    """
    votes = predicted_votes(session, listener_id=listener_id, pictures=pictures)
    return [vote for vote in votes if vote.outcome in PICKS and not vote.repeated and vote.votes_seen]


def predicted_picks(session: Session, listener_id: UUID, *, pictures: bool = False) -> list[PredictedPick]:
    """The listener's picks of four and their "none", of music or of ``pictures``, oldest first.

    What was skipped is left out, and what came before the first vote.
    """
    query = (
        select(FourVote.outcome, FourVote.chances)
        .join(Four, Four.id == FourVote.four_id)
        .where(asked_about(Four.clip_a, pictures=pictures))
        .where(
            FourVote.listener_id == listener_id, FourVote.outcome.in_((*FOUR_PICKS, "none")), FourVote.votes_seen > 0
        )
        .order_by(FourVote.created_at, FourVote.four_id)
    )
    return [PredictedPick(outcome, (a, b, c, d)) for outcome, (a, b, c, d) in session.execute(query)]


def counts(session: Session) -> dict[str, Any]:
    """``{"pool": {domain: playable clips}, "jobs": {state: …}}`` for ``/healthz``, however many votes there are."""
    playable = select(ClipAudio).where(ClipAudio.clip_id == Clip.id).exists()
    pool = (
        select(Clip.domain, func.count())
        .where(~Clip.retired, Clip.composed_for.is_(None), playable)
        .group_by(Clip.domain)
    )
    jobs = select(Job.state, func.count()).group_by(Job.state)
    return {
        "pool": {str(domain): int(count) for domain, count in session.execute(pool)},
        "jobs": {str(state): int(count) for state, count in session.execute(jobs)},
    }
