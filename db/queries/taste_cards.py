"""Cards of a taste: shared, opened by their link, withdrawn."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from db.tables import TasteCard


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
