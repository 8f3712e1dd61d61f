"""What the listeners of a study have told, all together: repeats, and how often clips were played."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from db.queries.offers import asked_about
from db.tables import Clip, Offer, Study, Vote


@dataclass(frozen=True)
class StudySize:
    """A study with the number of listeners who have voted in it, and of their votes."""

    study_id: str
    listeners: int
    votes: int


@dataclass(frozen=True)
class PlayedClip:
    """A clip of the pool and in how many pairs of the study it was judged."""

    clip_id: UUID
    plays: int


def studies(session: Session, *, pictures: bool) -> list[StudySize]:
    """Every study with its votes on music, or on ``pictures``, the largest first."""
    votes = (
        select(Offer.study_id, Offer.listener_id)
        .join(Vote, (Vote.offer_id == Offer.id) & (Vote.trust != "imported"))
        .where(asked_about(Offer.left_clip, pictures=pictures))
        .subquery()
    )
    query = (
        select(Study.id, func.count(votes.c.listener_id.distinct()), func.count(votes.c.listener_id))
        .outerjoin(votes, votes.c.study_id == Study.id)
        .group_by(Study.id)
    )
    found = [StudySize(*row) for row in session.execute(query)]
    return sorted(found, key=lambda each: (-each.votes, each.study_id))


def study_ids(session: Session) -> set[str]:
    """The names of all studies."""
    return set(session.scalars(select(Study.id)))


def repeated_outcomes(session: Session, study_id: str, *, pictures: bool) -> dict[UUID, list[tuple[str, str]]]:
    """By listener the outcomes of each pair of music, or of ``pictures``, that was judged twice, sides swapped."""
    again, first, second = aliased(Offer), aliased(Vote), aliased(Vote)
    query = (
        select(again.listener_id, first.outcome, second.outcome)
        .join(first, again.repeats == first.offer_id)
        .join(second, second.offer_id == again.id)
        .where(asked_about(again.left_clip, pictures=pictures))
        .where(again.study_id == study_id, first.trust != "imported", second.trust != "imported")
        .order_by(again.listener_id, second.created_at, second.offer_id)
    )
    found: dict[UUID, list[tuple[str, str]]] = defaultdict(list)
    for listener_id, one, two in session.execute(query):
        found[listener_id].append((one, two))
    return dict(found)


def played_clips(session: Session, study_id: str, model_version: str) -> list[PlayedClip]:
    """The pool's clips that were judged in the study, the most played first."""
    query = (
        select(Clip.id, func.count())
        .join(Offer, or_(Offer.left_clip == Clip.id, Offer.right_clip == Clip.id))
        .join(Vote, Vote.offer_id == Offer.id)
        .where(Offer.study_id == study_id, Vote.trust != "imported")
        .where(Clip.composed_for.is_(None), Clip.model_version == model_version)
        .group_by(Clip.id)
        .order_by(func.count().desc(), Clip.id)
    )
    return [PlayedClip(*row) for row in session.execute(query)]
