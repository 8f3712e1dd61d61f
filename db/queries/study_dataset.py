"""A study's votes with everything that was noted around them, as its dataset is made of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.queries.offers import asked_about
from db.tables import PICTURES, Clip, ClipAudio, Four, FourVote, Listening, Offer, Prediction, Vote


@dataclass(frozen=True)
class JudgedPair:
    """A pair with its vote, the prediction made before it, and what was heard (None where nobody noted that)."""

    offer: Offer
    vote: Vote
    prediction: Prediction
    listening: Listening | None


@dataclass(frozen=True)
class JudgedFour:
    """Four clips with the pick among them."""

    four: Four
    vote: FourVote


def judged_pairs(
    session: Session, study_id: str, *, pictures: bool = False, but: Collection[str] = ()
) -> list[JudgedPair]:
    """Every vote of a study on a pair of clips, or of ``pictures``, oldest first.

    But imported ones and those of pairs drawn by policies ``but``.
    """
    query = (
        select(Offer, Vote, Prediction, Listening)
        .join(Vote, Vote.offer_id == Offer.id)
        .join(Prediction, Prediction.offer_id == Offer.id)
        .outerjoin(Listening, Listening.offer_id == Offer.id)
        .where(asked_about(Offer.left_clip, pictures=pictures))
        .where(Offer.study_id == study_id, Offer.policy.not_in(but), Vote.trust != "imported")
        .order_by(Vote.created_at, Vote.offer_id)
    )
    return [JudgedPair(*row) for row in session.execute(query)]


def judged_fours(session: Session, study_id: str, *, pictures: bool = False) -> list[JudgedFour]:
    """Every pick of four of a study, of music or of ``pictures``, but imported ones, oldest first."""
    query = select(Four, FourVote).join(FourVote, FourVote.four_id == Four.id)
    query = query.where(asked_about(Four.clip_a, pictures=pictures))
    query = query.where(Four.study_id == study_id, FourVote.trust != "imported")
    return [JudgedFour(*row) for row in session.execute(query.order_by(FourVote.created_at, Four.id))]


def pictures_of(session: Session, clip_ids: Collection[UUID]) -> dict[UUID, str]:
    """Under which key of the store the PNG of each of these clips lies, of those that are pictures."""
    query = select(ClipAudio.clip_id, ClipAudio.uri).join(Clip, Clip.id == ClipAudio.clip_id)
    query = query.where(Clip.id.in_(clip_ids), Clip.domain == PICTURES)
    return {row.clip_id: row.uri for row in session.execute(query)}


def clips_named(session: Session, clip_ids: Collection[UUID]) -> list[Clip]:
    """These clips, whole."""
    return list(session.scalars(select(Clip).where(Clip.id.in_(clip_ids)).order_by(Clip.id)))
