"""What two listeners share: duets, invited by a link and agreed once; and cards of a taste, opened by a link."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.tables import Duet, DuetPiece, TasteCard


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


def duet_of(session: Session, duet_id: UUID, listener_id: UUID, *, keep: bool = False) -> Duet | None:
    """A duet that this listener is part of, or None; with ``keep`` nobody ends it before this transaction ends."""
    query = select(Duet).where(Duet.id == duet_id, _of(listener_id))
    return session.scalars(query.with_for_update(read=True, key_share=True) if keep else query).one_or_none()


def duets_of(session: Session, listener_id: UUID) -> list[Duet]:
    """Every duet that this listener is part of, agreed or not, the newest first."""
    return list(session.scalars(select(Duet).where(_of(listener_id)).order_by(Duet.created_at.desc(), Duet.id)))


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
