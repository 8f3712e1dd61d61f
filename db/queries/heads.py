"""Heads, read under the listener's lock, changed and written back; and the populations that new heads begin from."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    null,
    or_,
    select,
    union,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from db.queries.listeners import lock_listener
from db.queries.offers import FOUR_SIDES
from db.tables import PICTURES, Clip, Four, FourVote, Listener, Offer, StoredHead, StoredPopulation, Vote

BEGINNINGS = (Listener.population_id, Listener.picture_population_id)


def load_head(
    session: Session, listener_id: UUID, model_version: str, *, for_update: bool = False
) -> StoredHead | None:
    """The listener's head in the space of ``model_version``, or None before their first vote.

    ``for_update`` locks the listener, so that a head that doesn't exist yet is made by one transaction alone.
    """
    if for_update:
        lock_listener(session, listener_id)
    query = select(StoredHead).where(StoredHead.listener_id == listener_id, StoredHead.model_version == model_version)
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def heads_of_study(
    session: Session, study_id: str, model_version: str, *, votes: int, but: UUID | None = None
) -> list[tuple[StoredHead, UUID | None]]:
    """The heads of a study's listeners who have given ``votes`` votes at least, and the population each began from.

    In a fixed order; the listener ``but`` is left out.
    """
    theirs = StoredPopulation.id.in_([Listener.population_id, Listener.picture_population_id])
    query = (
        select(StoredHead, StoredPopulation.id)
        .join(Listener, Listener.id == StoredHead.listener_id)
        .outerjoin(StoredPopulation, and_(theirs, StoredPopulation.model_version == StoredHead.model_version))
        .where(Listener.study_id == study_id, StoredHead.model_version == model_version, ~Listener.brought)
        .where(StoredHead.votes_seen >= votes)
        .order_by(StoredHead.listener_id)
    )
    if but is not None:
        query = query.where(Listener.id != but)
    return [(head, population_id) for head, population_id in session.execute(query)]


def count_heads(session: Session, study_id: str, model_version: str, *, votes: int, but: UUID) -> int:
    """How many heads ``heads_of_study`` finds."""
    query = (
        select(func.count())
        .select_from(StoredHead)
        .join(Listener, Listener.id == StoredHead.listener_id)
        .where(Listener.study_id == study_id, StoredHead.model_version == model_version, ~Listener.brought)
        .where(StoredHead.votes_seen >= votes, Listener.id != but)
    )
    return session.scalars(query).one()


def save_head(
    session: Session,
    listener_id: UUID,
    *,
    model_version: str,
    mean: bytes,
    covariance: bytes,
    lapses: float,
    attentive: float,
    votes_seen: int,
) -> None:
    """Write the head, new or changed: little-endian float64 ``(n,)`` and ``(n, n)``."""
    columns = HeadColumns(model_version, mean, covariance, lapses, attentive, votes_seen)
    session.execute(_SAVE_HEAD, head_parameters(listener_id, columns))


@dataclass(frozen=True)
class HeadColumns:
    """A head as it is stored: ``mean`` and ``covariance`` are little-endian float64 ``(n,)`` and ``(n, n)``."""

    model_version: str
    mean: bytes
    covariance: bytes
    lapses: float
    attentive: float
    votes_seen: int


def head_parameters(listener_id: UUID, columns: HeadColumns | None) -> dict[str, Any]:
    """What ``save_head_cte`` is to be executed with; nothing where there is no head to save."""
    if columns is None:
        return {}
    return {"head_listener_id": listener_id} | {f"head_{name}": value for name, value in vars(columns).items()}


def save_head_cte() -> CTE:
    """The head written, new or changed, beside what else a statement does."""
    names = ("listener_id", *(each.name for each in fields(HeadColumns)))
    values = {name: bindparam(f"head_{name}", type_=getattr(StoredHead, name).type) for name in names}
    key = ["listener_id", "model_version"]
    changed = {name: value for name, value in values.items() if name not in key}
    return (
        insert(StoredHead)
        .values(values)
        .on_conflict_do_update(index_elements=key, set_=changed | {"updated_at": func.clock_timestamp()})
        .returning(StoredHead.listener_id)
        .cte("head_saved")
    )


_SAVE_HEAD = select(save_head_cte().c.listener_id)


def delete_heads(session: Session, listener_id: UUID, *, but: str | None = None, pictures: bool = False) -> None:
    """Forget what was learned, not what was voted.

    ``but`` keeps the head of this model version, and with it those that are no heads of music (or of ``pictures``).
    """
    query = delete(StoredHead).where(StoredHead.listener_id == listener_id)
    if but is not None:
        query = query.where(_of_another(but, pictures=pictures))
    session.execute(query)


def heads_behind(session: Session, model_version: str) -> list[UUID]:
    """Listeners whose head of this version knows fewer votes than they have given on clips of this version."""
    said = [
        _answered(Vote, Offer, Vote.offer_id == Offer.id, (Offer.left_clip, Offer.right_clip), model_version),
        _answered(FourVote, Four, FourVote.four_id == Four.id, FOUR_SIDES, model_version),
    ]
    each = union_all(*said).subquery()
    given = select(each.c.listener_id, func.count().label("votes")).group_by(each.c.listener_id).subquery()
    query = (
        select(StoredHead.listener_id)
        .join(given, given.c.listener_id == StoredHead.listener_id)
        .where(StoredHead.model_version == model_version, StoredHead.votes_seen < given.c.votes)
    )
    return list(session.scalars(query))


def without_head(session: Session, model_version: str, *, pictures: bool = False) -> list[UUID]:
    """Listeners who have voted on music and have no head of this version, or one of another model of music.

    Or the same of ``pictures``.
    """
    theirs = StoredHead.listener_id == Listener.id
    there = select(StoredHead.listener_id).where(theirs, StoredHead.model_version == model_version).exists()
    unknown = list(session.scalars(select(Listener.id).where(~there)))
    # asked of those alone who have no head, who are few: not of every vote there is
    voted = (
        voters(table, pictures=pictures).where(table.listener_id == func.any(unknown)) for table in (Vote, FourVote)
    )
    older = select(StoredHead.listener_id).where(_of_another(model_version, pictures=pictures))
    return list(session.scalars(union(*voted, older)))


def _of_another(model_version: str, *, pictures: bool) -> ColumnElement[bool]:
    """Whether a head is of another model of music (or of ``pictures``)."""
    drawn = is_of_pictures(StoredHead.model_version)
    return and_(StoredHead.model_version != model_version, drawn if pictures else ~drawn)


def is_of_pictures(model_version: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """Whether a model is one of pictures: whether there is a picture of its making."""
    return select(Clip.id).where(Clip.domain == PICTURES, Clip.model_version == model_version).exists()


def voters(votes: type[Vote | FourVote], *, pictures: bool) -> Select[UUID]:
    """The listener of every vote on music, or on pictures: the first clip of what was asked tells which."""
    query = select(votes.listener_id)
    if votes is Vote:
        query = query.join(Offer, Offer.id == Vote.offer_id).join(Clip, Clip.id == Offer.left_clip)
    else:
        query = query.join(Four, Four.id == FourVote.four_id).join(Clip, Clip.id == Four.clip_a)
    return query.where((Clip.domain == PICTURES) == pictures)


def _answered(
    votes: type[Vote | FourVote],
    table: type[Offer | Four],
    same: ColumnElement[bool],
    sides: Iterable[InstrumentedAttribute[UUID]],
    model_version: str,
) -> Select[Any]:
    """The listener of every vote that says something on clips that are all of this version."""
    query = select(votes.listener_id).join(table, same).where(votes.outcome != "skipped")
    for side in sides:
        clip = aliased(Clip)
        query = query.join(clip, and_(clip.id == side, clip.model_version == model_version))
    return query


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


def effects_of(session: Session, population_id: UUID) -> tuple[str, dict[str, list[float]]]:
    """The model version of a population, and by clip the effects for each fold of listeners that came with it."""
    query = select(StoredPopulation.model_version, StoredPopulation.effects)
    found = session.execute(query.where(StoredPopulation.id == population_id)).one_or_none()
    return (found[0], found[1] or {}) if found else ("", {})


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
