"""Heads: read under the listener's lock, changed, written back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    Select,
    and_,
    bindparam,
    delete,
    func,
    select,
    union,
    union_all,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from db.queries.listeners import lock_listener
from db.queries.offers import FOUR_SIDES
from db.tables import PICTURES, Clip, Four, FourVote, Listener, Offer, StoredHead, StoredPopulation, Vote


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


def voters(votes: type[Vote | FourVote], *, pictures: bool | BindParameter[bool]) -> Select[UUID]:
    """The listener of every vote on music, or on pictures: the first clip of what was asked tells which."""
    query = select(votes.listener_id)
    if votes is Vote:
        query = query.join(Offer, Offer.id == Vote.offer_id).join(Clip, Clip.id == Offer.left_clip)
    else:
        query = query.join(Four, Four.id == FourVote.four_id).join(Clip, Clip.id == Four.clip_a)
    return query.where((Clip.domain == PICTURES) == pictures)


def _answered(
    votes: type[Vote | FourVote],
    asked: type[Offer | Four],
    same: ColumnElement[bool],
    sides: Iterable[InstrumentedAttribute[UUID]],
    model_version: str,
) -> Select[Any]:
    """The listener of every vote that says something on clips that are all of this version."""
    query = select(votes.listener_id).join(asked, same).where(votes.outcome != "skipped")
    for side in sides:
        clip = aliased(Clip)
        query = query.join(clip, and_(clip.id == side, clip.model_version == model_version))
    return query
