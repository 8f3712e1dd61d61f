"""Pieces in listeners' studios: added, found by their owner or by a link, thinned out."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from db.tables import PICTURES, StudioPiece


def add_piece(
    session: Session,
    listener_id: UUID,
    *,
    domain: str,
    title: str,
    recipe: dict[str, Any],
    notes: dict[str, Any],
    latents: dict[str, Any],
    model_version: str,
    image: str | None = None,
) -> StudioPiece:
    """Store a piece for this listener; of a picture with its ``image``, a PNG in base64."""
    piece = StudioPiece(
        listener_id=listener_id,
        domain=domain,
        title=title,
        recipe=recipe,
        notes=notes,
        latents=latents,
        model_version=model_version,
        image=image,
    )
    session.add(piece)
    session.flush()
    return piece


def get_piece(session: Session, piece_id: UUID) -> StudioPiece | None:
    """The piece, whoever owns it, or None."""
    return session.get(StudioPiece, piece_id)


def piece_like(session: Session, listener_id: UUID, notes: dict[str, Any], latents: dict[str, Any]) -> UUID | None:
    """The listener's piece with these notes, or of a picture, which has none, with these latents; None without one."""
    same = StudioPiece.notes == notes if notes else StudioPiece.latents == latents
    query = select(StudioPiece.id).where(StudioPiece.listener_id == listener_id, same)
    return session.scalars(query.limit(1)).one_or_none()


def brought_before(
    session: Session, listener_id: UUID, domain: str, title: str, notes: dict[str, Any]
) -> StudioPiece | None:
    """The newest piece that the listener brought with this title and these notes, or None."""
    same = (StudioPiece.domain == domain, StudioPiece.title == title, StudioPiece.notes == notes)
    query = select(StudioPiece).where(StudioPiece.listener_id == listener_id, StudioPiece.recipe == {}, *same)
    return session.scalars(query.order_by(StudioPiece.created_at.desc()).limit(1)).one_or_none()


def linked_piece(session: Session, link_key: str) -> StudioPiece | None:
    """The piece that a link opens, or None."""
    return session.scalars(select(StudioPiece).where(StudioPiece.link_key == link_key)).one_or_none()


def link(session: Session, piece: StudioPiece) -> str:
    """The key of the piece's link, made once."""
    if piece.link_key is None:
        piece.link_key = secrets.token_urlsafe(16)
        session.flush()
    return piece.link_key


def brought_pieces(session: Session, listener_id: UUID, limit: int, *, pictures: bool = False) -> list[StudioPiece]:
    """What the listener brought as files, newest first: music, or ``pictures``."""
    kind = (StudioPiece.domain == PICTURES) == pictures
    query = select(StudioPiece).where(StudioPiece.listener_id == listener_id, StudioPiece.recipe == {}, kind)
    return list(session.scalars(query.order_by(StudioPiece.created_at.desc()).limit(limit)))


def count_recent(session: Session, listener_id: UUID, within: timedelta) -> int:
    """How many pieces this listener has made or brought lately."""
    recent = StudioPiece.created_at > func.clock_timestamp() - within
    return session.scalars(
        select(func.count()).select_from(StudioPiece).where(StudioPiece.listener_id == listener_id, recent)
    ).one()


def thin_out(session: Session, listener_id: UUID, keep: int) -> list[UUID]:
    """Forget all but the newest ``keep`` pieces of a listener; one with a link stays. Those that went."""
    newest = (
        select(StudioPiece.id)
        .where(StudioPiece.listener_id == listener_id)
        .order_by(StudioPiece.created_at.desc())
        .limit(keep)
    )
    old = delete(StudioPiece).where(
        StudioPiece.listener_id == listener_id, StudioPiece.link_key.is_(None), StudioPiece.id.not_in(newest)
    )
    return list(session.scalars(old.returning(StudioPiece.id)))
