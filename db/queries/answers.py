"""What a vote on a pair or a four turned out to be: what was expected of it, and what had been compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.tables import OWN, Clip, Four, FourVote, Offer, Prediction, Vote


@dataclass(frozen=True)
class Answered:
    """A vote with how its clips were drawn and foreseen; ``own`` are the places of clips composed for this listener.

    ``chances`` of the sides, in their order; None where nothing was to be guessed, in a pair that came back.
    """

    outcome: str
    policy: str
    condition: str
    chances: Sequence[float] | None
    own: Sequence[int]


def answered(session: Session, listener_id: UUID, which: UUID) -> Answered | None:
    """The listener's vote on this offer or four; None where there is none."""
    pair = session.execute(
        select(Offer, Vote.outcome, Prediction.p_left, Prediction.p_right)
        .join(Vote, Vote.offer_id == Offer.id)
        .join(Prediction, Prediction.offer_id == Offer.id)
        .where(Offer.id == which, Offer.listener_id == listener_id)
    ).one_or_none()
    if pair is not None:
        offer, outcome, left, right = pair
        chances = None if offer.repeats else (left, right)
        return Answered(outcome, offer.policy, offer.condition, chances, _own(session, offer.clips))
    found = session.execute(
        select(Four, FourVote)
        .join(FourVote, FourVote.four_id == Four.id)
        .where(Four.id == which, Four.listener_id == listener_id)
    ).one_or_none()
    if found is None:
        return None
    four, vote = found
    return Answered(vote.outcome, four.policy, four.condition, vote.chances, _own(session, four.clips))


def _own(session: Session, clips: Sequence[UUID]) -> list[int]:
    made = set(session.scalars(select(Clip.id).where(Clip.id.in_(clips), Clip.kind.in_(OWN))))
    return [place for place, clip in enumerate(clips) if clip in made]
