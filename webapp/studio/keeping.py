"""Kept: a piece that somebody has met becomes one of their own studio, where it stays whatever becomes of it."""

from __future__ import annotations

import base64
import uuid

from sqlalchemy.orm import Session

from db.queries import composed
from webapp.composing.sources import CLIPS, PIECES, Source
from webapp.studio import pictures, pieces
from webapp.studio.limits import check_rate
from webapp.studio.studio import Studio

TITLE, PICTURE = "A piece you kept", "A picture you kept"


def keep_clip(studio: Studio, listener_id: uuid.UUID, clip_id: uuid.UUID) -> str:
    """Keep a clip; the name of the piece, the same one where it is kept already. Raises ``NotYours``."""
    return keep(studio, listener_id, pieces.source_of(studio, listener_id, f"{CLIPS}/{clip_id}"))


def keep(studio: Studio, listener_id: uuid.UUID, source: Source) -> str:
    """Keep what was found; the name of the piece, the same one where it is kept already.

    Raises ``NotReady`` for a picture where nobody draws, ``NotAllowed`` for one of an older model.
    """
    image = base64.b64encode(pictures.image(studio.generation, source)).decode() if source.of_picture else None

    def work(session: Session) -> str:
        there = composed.piece_like(session, listener_id, source.notes, source.latents)
        if there is not None:
            return f"{PIECES}/{there}"
        check_rate(session, listener_id)
        return pieces.keep(
            session,
            studio,
            listener_id,
            domain=source.domain,
            title=PICTURE if source.of_picture else TITLE,
            recipe={},
            notes=source.notes,
            latents=source.latents,
            model_version=source.model_version,
            image=image,
        )

    return studio.database.transaction(work)
