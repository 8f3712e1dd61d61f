"""Kept: a piece that somebody has met becomes one of their own studio, where it stays whatever becomes of it."""

from __future__ import annotations

import uuid

from sqlalchemy.orm import Session

from db.queries import studio as rows
from webapp.composing.sources import CLIPS, PIECES, Source
from webapp.studio import pieces
from webapp.studio.studio import Studio

TITLE = "A piece you kept"


def keep_clip(studio: Studio, listener_id: uuid.UUID, clip_id: uuid.UUID) -> str:
    """Keep a clip; the name of the piece, the same one where it is kept already. Raises ``NotYours``."""
    return keep(studio, listener_id, pieces.source_of(studio, listener_id, f"{CLIPS}/{clip_id}"))


def keep(studio: Studio, listener_id: uuid.UUID, source: Source) -> str:
    """Keep what was found; the name of the piece, the same one where it is kept already."""

    def work(session: Session) -> str:
        there = rows.piece_with_notes(session, listener_id, source.notes)
        if there is not None:
            return f"{PIECES}/{there}"
        return pieces.keep(
            session,
            studio,
            listener_id,
            domain=source.domain,
            title=TITLE,
            recipe={},
            notes=source.notes,
            latents=source.latents,
            model_version=source.model_version,
        )

    return studio.database.transaction(work)
