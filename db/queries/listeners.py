"""Listeners: made without a name, deleted whole; and what they share: duets, agreed once, and cards of a taste."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Uuid, bindparam, delete, exists, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from db.engine import built_once
from db.tables import (
    DEFAULT_STUDY,
    Clip,
    ClipAudio,
    Duet,
    DuetPiece,
    Fit,
    FourVote,
    Job,
    Listener,
    Play,
    StoredHead,
    StudioPiece,
    TasteCard,
    Vote,
)


def create_listener(session: Session, *, domain: str = "pop", condition: str = "default") -> Listener:
    """A new anonymous listener of the default study, already in the database."""
    listener = Listener(domain=domain, study_id=DEFAULT_STUDY, condition=condition)
    session.add(listener)
    session.flush()
    return listener


def settle_listener(session: Session, listener_id: UUID, came_at: datetime) -> Listener | None:
    """An anonymous listener whose id was given out at ``came_at``, stored now; None where they are stored already.

    Of several at once, one stores them and the others wait for it.
    """
    values = {"id": listener_id, "created_at": came_at}
    new = insert(Listener).values(values).on_conflict_do_nothing().returning(Listener)
    return session.scalars(new).one_or_none()


def get_listener(session: Session, listener_id: UUID) -> Listener | None:
    """The listener, or None where they never were or have been deleted."""
    return session.get(Listener, listener_id)


def lock_listener(session: Session, listener_id: UUID) -> Listener | None:
    """The listener, theirs alone until the transaction ends: whoever else locks them waits.

    Whatever reads and then writes one listener's rows (making offers, taking a vote, updating the head) starts with it.
    """
    query = select(Listener).where(Listener.id == listener_id).with_for_update(key_share=True)
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def anybody(session: Session) -> bool:
    """Whether there is any listener."""
    return session.scalar(select(Listener.id).limit(1)) is not None


def journal_entries(session: Session, listener_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many entries the journal has of those of them who are here, as far as the database knows."""
    asked = func.unnest(literal(list(listener_ids), ARRAY(Uuid))).column_valued()
    query = select(Listener.id, Listener.journal_entries).where(Listener.id.in_(select(asked)))
    return {row.id: row.journal_entries for row in session.execute(query)}


def set_journal_entries(session: Session, listener_id: UUID, number: int) -> None:
    """Note how many entries the listener's journal has."""
    session.execute(update(Listener).where(Listener.id == listener_id).values(journal_entries=number))


def set_domain(session: Session, listener_id: UUID, domain: str) -> bool:
    """What is offered from now on; whether there is such a listener."""
    change = update(Listener).where(Listener.id == listener_id).values(domain=domain).returning(Listener.id)
    return session.scalars(change).one_or_none() is not None


def let_plays_tell(session: Session, listener_id: UUID, *, tell: bool) -> bool:
    """Whether plays count when something is composed for this listener; whether there is such a listener."""
    change = update(Listener).where(Listener.id == listener_id).values(plays_tell=tell).returning(Listener.id)
    return session.scalars(change).one_or_none() is not None


def next_generation(session: Session, listener_id: UUID) -> int | None:
    """Begin a new generation of the listener's tokens and end their link; None where there is no such listener."""
    change = update(Listener).where(Listener.id == listener_id)
    change = change.values(token_generation=Listener.token_generation + 1, link_id=None)
    return session.scalars(change.returning(Listener.token_generation)).one_or_none()


def begin_generation(session: Session, listener_id: UUID, generation: int) -> None:
    """Let tokens of this generation count, and none of an earlier one; that of a later one stays."""
    later = func.greatest(Listener.token_generation, generation)
    session.execute(update(Listener).where(Listener.id == listener_id).values(token_generation=later))


def set_link(session: Session, listener_id: UUID, link_id: UUID) -> bool:
    """Let this link to the listener work, and no other; whether there is such a listener."""
    change = update(Listener).where(Listener.id == listener_id).values(link_id=link_id).returning(Listener.id)
    return session.scalars(change).one_or_none() is not None


def has_link(session: Session, listener_id: UUID, link_id: UUID) -> bool:
    """Whether this link to the listener works."""
    query = select(Listener.id).where(Listener.id == listener_id, Listener.link_id == link_id)
    return session.scalars(query).one_or_none() is not None


def use_link(session: Session, listener_id: UUID, link_id: UUID) -> bool:
    """Whether this link to the listener works; it works no more."""
    change = update(Listener).where(Listener.id == listener_id, Listener.link_id == link_id).values(link_id=None)
    return session.scalars(change.returning(Listener.id)).one_or_none() is not None


def was_written(session: Session, listener_id: UUID) -> bool:
    """Whether the vote journal ever had an entry of this listener."""
    listener = get_listener(session, listener_id)
    return listener is not None and listener.journal_entries > 0


def next_entry(session: Session, listener_id: UUID) -> Listener | None:
    """Lock the listener and count one more entry of their journal; None where there is no such listener."""
    session.flush()
    return session.scalars(_next_entry(), {"whose": listener_id}).one_or_none()


@built_once
def _next_entry() -> Select[Listener]:
    """Built once: a vote has no time for it."""
    change = (
        update(Listener)
        .where(Listener.id == bindparam("whose", type_=Uuid))
        .values(journal_entries=Listener.journal_entries + 1)
        .returning(*Listener.__table__.c)
        .cte("counted")
    )
    return select(aliased(Listener, change)).execution_options(populate_existing=True)


def delete_listener(session: Session, listener_id: UUID) -> list[str] | None:
    """Delete everything that is theirs; None where there is no such listener.

    Gives the URIs of sound that no remaining clip uses, to be deleted from the clip store too.
    """
    if lock_listener(session, listener_id) is None:
        return None
    uris = sound_of_theirs(session, listener_id)
    session.execute(delete(Listener).where(Listener.id == listener_id))
    name = str(listener_id)  # a job about everybody may have failed at this listener
    session.execute(
        update(Job).where(Job.error.contains(name)).values(error=func.replace(Job.error, name, "a deleted listener"))
    )
    session.expire_all()
    return uris


def delete_composed(session: Session, listener_id: UUID, after: datetime, but: Collection[UUID]) -> list[str]:
    """Delete the clips composed for a listener after this moment, ``but`` those that an offer holds; URIs as above."""
    uris = sound_of_theirs(session, listener_id, after, but)
    theirs = delete(Clip).where(Clip.composed_for == listener_id, Clip.created_at > after, Clip.id.not_in(but))
    session.execute(theirs)
    session.expire_all()
    return uris


def without_anything(session: Session, older_than: timedelta, most: int, *, but_newest: int = 0) -> list[UUID]:
    """Some listeners who came so long ago and never voted, kept, played, shared or agreed to anything.

    The newest come first, and ``but_newest`` of these are left out.
    """
    query = select(Listener.id).where(Listener.created_at < func.now() - older_than, ~_left_something())
    return list(session.scalars(query.order_by(Listener.created_at.desc()).offset(but_newest).limit(most)))


def delete_visitors(session: Session, listener_ids: Sequence[UUID]) -> list[UUID]:
    """Delete those of them of whom the journal has nothing, who still left nothing and for whom nothing was composed.

    That is done in one statement for all. Who is voting at this moment is left alone. Gives those who are gone.
    """
    lock = select(Listener.id).where(Listener.id.in_(listener_ids), Listener.journal_entries == 0)
    locked = list(session.scalars(lock.with_for_update(skip_locked=True)))
    own = [select(owner).where(owner == Listener.id).exists() for owner in (Clip.composed_for, StoredHead.listener_id)]
    gone = delete(Listener).where(Listener.id.in_(locked), ~_left_something(), ~or_(*own)).returning(Listener.id)
    return list(session.scalars(gone, execution_options={"synchronize_session": False}))


def _left_something() -> ColumnElement[bool]:
    """Whether a listener has done anything but look."""
    owners = [table.listener_id for table in (Vote, FourVote, StudioPiece, TasteCard, Play, Fit)] + [
        Duet.host_id,
        Duet.guest_id,
    ]
    return or_(*(select(owner).where(owner == Listener.id).exists() for owner in owners))


def sound_of_theirs(
    session: Session, listener_id: UUID, after: datetime | None = None, but: Collection[UUID] = ()
) -> list[str]:
    """URIs of sound that only clips composed for this listener (after this moment, ``but`` these) use."""
    other, other_clip = aliased(ClipAudio), aliased(Clip)
    older = literal(value=False) if after is None else other_clip.created_at <= after
    stays = older | other_clip.id.in_(but)
    used_elsewhere = exists().where(
        other.uri == ClipAudio.uri,
        other.clip_id == other_clip.id,
        other_clip.composed_for.is_distinct_from(listener_id) | stays,
    )
    newer = literal(value=True) if after is None else Clip.created_at > after
    orphans = (
        select(ClipAudio.uri)
        .join(Clip, Clip.id == ClipAudio.clip_id)
        .where(Clip.composed_for == listener_id, newer, Clip.id.not_in(but), ~used_elsewhere)
        .distinct()
    )
    return list(session.scalars(orphans))


def invite(session: Session, host_id: UUID) -> Duet:
    """The host's invitation that nobody has answered yet, made where there is none (of a locked host)."""
    waiting = select(Duet).where(Duet.host_id == host_id, Duet.guest_id.is_(None))
    duet = session.scalars(waiting).one_or_none()
    if duet is None:
        duet = Duet(host_id=host_id, link_key=secrets.token_urlsafe(16))
        session.add(duet)
        session.flush()
    return duet


def invitation(session: Session, link_key: str, *, for_update: bool = False) -> Duet | None:
    """The duet that an unused link opens, or None."""
    query = select(Duet).where(Duet.link_key == link_key).execution_options(populate_existing=True)
    return session.scalars(query.with_for_update() if for_update else query).one_or_none()


def between(session: Session, one: UUID, other: UUID) -> Duet | None:
    """The duet that these two have agreed on, or None."""
    both = or_(
        (Duet.host_id == one) & (Duet.guest_id == other),
        (Duet.host_id == other) & (Duet.guest_id == one),
    )
    return session.scalars(select(Duet).where(both)).one_or_none()


def agree(session: Session, duet: Duet, guest_id: UUID) -> None:
    """The guest says yes to a locked invitation; its link opens nothing any more."""
    session.execute(
        update(Duet)
        .where(Duet.id == duet.id)
        .values(guest_id=guest_id, link_key=None, agreed_at=func.clock_timestamp())
        .execution_options(synchronize_session=False)
    )
    session.refresh(duet)


def get_duet(session: Session, duet_id: UUID, *, keep: bool = False) -> Duet | None:
    """A duet, whoever is part of it, or None; with ``keep`` nobody ends it before this transaction ends."""
    return session.get(Duet, duet_id, with_for_update={"read": True, "key_share": True} if keep else None)


def duet_of(session: Session, duet_id: UUID, listener_id: UUID) -> Duet | None:
    """A duet that this listener is part of, or None."""
    return session.scalars(select(Duet).where(Duet.id == duet_id, _of(listener_id))).one_or_none()


def duets_of(session: Session, listener_id: UUID) -> list[Duet]:
    """Every duet that this listener is part of, agreed or not, the newest first."""
    return list(session.scalars(select(Duet).where(_of(listener_id)).order_by(Duet.created_at.desc(), Duet.id)))


def all_duets(session: Session) -> set[UUID]:
    """Every duet and every invitation."""
    return set(session.scalars(select(Duet.id)))


def end(session: Session, duet: Duet) -> None:
    """Delete it with everything that was composed for it."""
    session.execute(delete(Duet).where(Duet.id == duet.id))


def add_piece(session: Session, duet: Duet, **fields: Any) -> UUID | None:
    """Store a piece (``fields`` of ``DuetPiece``) for a kept duet; None where they have it already."""
    new = insert(DuetPiece).values(duet_id=duet.id, **fields).on_conflict_do_nothing().returning(DuetPiece.id)
    return session.scalar(new)


def pieces_of(session: Session, duet: Duet) -> Sequence[DuetPiece]:
    """What was composed for both, the newest first."""
    query = select(DuetPiece).where(DuetPiece.duet_id == duet.id)
    return session.scalars(query.order_by(DuetPiece.created_at.desc(), DuetPiece.id)).all()


def piece_of(session: Session, duet_id: UUID, piece_id: UUID, listener_id: UUID) -> DuetPiece | None:
    """A piece of a duet that this listener is part of, or None."""
    query = select(DuetPiece).join(Duet, Duet.id == DuetPiece.duet_id)
    theirs = query.where(Duet.id == duet_id, DuetPiece.id == piece_id, _of(listener_id))
    return session.scalars(theirs).one_or_none()


def _of(listener_id: UUID) -> ColumnElement[bool]:
    return or_(Duet.host_id == listener_id, Duet.guest_id == listener_id)


def add_card(session: Session, listener_id: UUID, *, clip_id: UUID, seconds: float, about: dict[str, Any]) -> TasteCard:
    """Keep a card under a new link that nobody can guess."""
    key = secrets.token_urlsafe(16)
    card = TasteCard(listener_id=listener_id, clip_id=clip_id, seconds=seconds, about=about, link_key=key)
    session.add(card)
    session.flush()
    return card


def cards_of(session: Session, listener_id: UUID) -> list[TasteCard]:
    """A listener's cards, newest first."""
    query = select(TasteCard).where(TasteCard.listener_id == listener_id)
    return list(session.scalars(query.order_by(TasteCard.created_at.desc(), TasteCard.id)))


def count_cards(session: Session, listener_id: UUID) -> int:
    """How many links a listener has given out and not withdrawn."""
    return session.scalars(select(func.count()).where(TasteCard.listener_id == listener_id)).one()


def linked_card(session: Session, link_key: str) -> TasteCard | None:
    """The card that a link opens, or None."""
    return session.scalars(select(TasteCard).where(TasteCard.link_key == link_key)).one_or_none()


def withdraw_card(session: Session, listener_id: UUID, card_id: UUID) -> bool:
    """Delete a listener's card; whether there was one."""
    gone = delete(TasteCard).where(TasteCard.listener_id == listener_id, TasteCard.id == card_id)
    return session.scalars(gone.returning(TasteCard.id)).one_or_none() is not None
