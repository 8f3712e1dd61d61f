"""Populations: made by a job, begun from by newcomers, withdrawn when somebody whom they were learned from leaves."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, exists, func, null, or_, select, update
from sqlalchemy.orm import Session

from db.queries.heads import is_of_pictures
from db.tables import Listener, StoredHead, StoredPopulation

BEGINNINGS = (Listener.population_id, Listener.picture_population_id)


@dataclass(frozen=True)
class Growth:
    """How many listeners of a study have a head, how many votes taught these, and how many its newest population."""

    study_id: str
    listeners: int
    votes: int
    learned_from: int


def newest_population(
    session: Session, study_id: str, model_version: str, *, keep: bool = False
) -> StoredPopulation | None:
    """Where a newcomer of the study begins; None where there is none yet. ``keep``: nobody deletes it meanwhile."""
    query = (
        select(StoredPopulation)
        .where(StoredPopulation.study_id == study_id, StoredPopulation.model_version == model_version)
        .order_by(StoredPopulation.created_at.desc(), StoredPopulation.id)
        .limit(1)
    )
    return session.scalars(query.with_for_update(read=True, key_share=True) if keep else query).one_or_none()


def add_population(session: Session, row: StoredPopulation) -> None:
    """Store a population, with the moment at which it was made."""
    session.add(row)
    session.flush()
    session.refresh(row)


def get_population(session: Session, population_id: UUID | None) -> StoredPopulation | None:
    """One population, or None."""
    return session.get(StoredPopulation, population_id) if population_id else None


def effects_of(session: Session, population_id: UUID) -> dict[str, list[float]]:
    """By clip the effects for each fold of listeners that were learned with a population."""
    return session.scalar(select(StoredPopulation.effects).where(StoredPopulation.id == population_id)) or {}


def populations_named(session: Session, ids: Collection[UUID]) -> dict[UUID, StoredPopulation]:
    """These populations by id, as far as they are there."""
    found = session.scalars(select(StoredPopulation).where(StoredPopulation.id.in_(ids))) if ids else ()
    return {each.id: each for each in found}


def growth(session: Session, model_version: str, *, votes: int) -> list[Growth]:
    """Of each study whose listeners have heads of this version, counting those with so many votes at least."""
    query = (
        select(Listener.study_id, func.count(), func.sum(StoredHead.votes_seen))
        .join(StoredHead, StoredHead.listener_id == Listener.id)
        .where(StoredHead.model_version == model_version, StoredHead.votes_seen >= votes, ~Listener.brought)
        .group_by(Listener.study_id)
        .order_by(Listener.study_id)
    )
    found = []
    for study_id, listeners, given in session.execute(query).all():
        newest = newest_population(session, study_id, model_version)
        found.append(Growth(study_id, listeners, given, newest.votes if newest else 0))
    return found


def keep_listeners(session: Session, listener_ids: Collection[UUID]) -> bool:
    """Whether all of these are still here; then nobody deletes them before this transaction ends."""
    query = select(Listener.id).where(Listener.id.in_(listener_ids)).with_for_update(read=True, key_share=True)
    return len(session.scalars(query.order_by(Listener.id)).all()) == len(set(listener_ids))


def begun_elsewhere(session: Session, population: StoredPopulation, *, votes: int) -> list[UUID]:
    """Listeners of the population's study whose heads began elsewhere and know fewer votes than this."""
    query = (
        select(Listener.id)
        .join(StoredHead, StoredHead.listener_id == Listener.id)
        .where(Listener.study_id == population.study_id, StoredHead.model_version == population.model_version)
        .where(*(began.is_distinct_from(population.id) for began in BEGINNINGS), StoredHead.votes_seen < votes)
        .order_by(Listener.id)
    )
    return list(session.scalars(query))


def forget_unused(session: Session, newest: StoredPopulation, *, pictures: bool) -> list[UUID]:
    """Delete the populations from which no head begins: of this one's study the older ones of music, or of
    ``pictures``, and those of no study; their ids.
    """
    used = exists().where(or_(*(began == StoredPopulation.id for began in BEGINNINGS)))
    drawn = is_of_pictures(StoredPopulation.model_version)
    older = (StoredPopulation.study_id == newest.study_id) & (StoredPopulation.created_at < newest.created_at)
    old = or_(older & (drawn if pictures else ~drawn), StoredPopulation.study_id.is_(None))
    gone = delete(StoredPopulation).where(old, ~used, StoredPopulation.id != newest.id).returning(StoredPopulation.id)
    return list(session.scalars(gone.execution_options(synchronize_session=False)))


def withdraw(session: Session, listener: Listener) -> dict[UUID, str]:
    """Delete every population that may have been learned from this (locked) listener; by id its model version.

    These are the ones of their study made since they came, and those that came with them. The heads of whoever began
    at one of them are forgotten: they are to be learned again from their votes.
    """
    learned = (StoredPopulation.study_id == listener.study_id) & (StoredPopulation.created_at >= listener.created_at)
    anybody = or_(*(began == StoredPopulation.id for began in BEGINNINGS))
    theirs = StoredPopulation.id.in_([listener.population_id, listener.picture_population_id])
    own = theirs & StoredPopulation.study_id.is_(None) & ~exists().where(anybody, Listener.id != listener.id)
    gone = select(StoredPopulation.id, StoredPopulation.model_version).where(or_(learned, own))
    ids = {row.id: row.model_version for row in session.execute(gone.order_by(StoredPopulation.id))}
    if ids:
        # their rows first: a vote under way saves its head before, a later one waits and finds none
        for began in BEGINNINGS:
            anew = update(Listener).where(began.in_(ids)).values({began: null()}).returning(Listener.id)
            whose = session.scalars(anew.execution_options(synchronize_session=False)).all()
            session.execute(delete(StoredHead).where(StoredHead.listener_id.in_(whose)))
        session.execute(delete(StoredPopulation).where(StoredPopulation.id.in_(ids)))
        session.expire_all()
    return ids
