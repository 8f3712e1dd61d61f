"""What a listener may start or borrow from: what they brought, their best clips so far, then more of the pool."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import listeners as listener_rows
from db.queries import offers as offer_rows
from db.queries import studio as rows
from db.tables import StudioPiece
from models.music.played import COLLECTIONS, PLAYED
from models.taste.head import utilities
from models.taste.space import TasteSpace
from webapp.composing.sources import CLIPS, PIECES, find, named_traits, traits
from webapp.learning import heads
from webapp.learning.playable_clips import PlayableClips, PlayablePool
from webapp.runtime.database import Database
from webapp.runtime.errors import NotReady, UnknownListenerError

MOST_OWN, MOST_TAKEN, LOOKED_AT = 6, 4, 24  # own files, tunes of collections, and the newest among which they are


def choices(
    database: Database, space: TasteSpace, playable: PlayablePool, listener_id: uuid.UUID, domain: str, limit: int
) -> list[dict[str, Any]]:
    """``[{name, title, collection, rank, composed, traits, seconds, audio_url, notes_url}, …]``.

    ``rank`` is among the clips met, ``collection`` where a tune was taken from. Clips that wait for their blind pair
    are not among them. Raises ``NotReady`` while there is nothing at all.
    """

    def work(session: Session) -> list[dict[str, Any]]:
        if listener_rows.get_listener(session, listener_id) is None:
            raise UnknownListenerError
        brought = rows.brought_pieces(session, listener_id, LOOKED_AT)
        own = [piece for piece in brought if not _collection(piece)][:MOST_OWN]
        taken = [piece for piece in brought if _collection(piece)][:MOST_TAKEN]
        pieces = [_piece(session, space, playable, listener_id, piece) for piece in (*own, *taken)]
        return pieces + _clips(session, space, playable, listener_id, domain)[:limit]

    found = database.transaction(work)
    if not found:
        raise NotReady("the first pieces are being composed; ask again in a second")
    return found


def _collection(piece: StudioPiece) -> str:
    source = piece.notes.get("source", "")
    return COLLECTIONS[source] if source in PLAYED else ""


def _piece(
    session: Session, space: TasteSpace, playable: PlayablePool, listener_id: uuid.UUID, piece: StudioPiece
) -> dict[str, Any]:
    name = f"{PIECES}/{piece.id}"
    return {
        "name": name,
        "title": piece.title,
        "collection": _collection(piece),
        "rank": None,
        "composed": False,
        "traits": traits(session, space, playable, find(session, name, listener_id)),
        "seconds": None,
        "audio_url": f"/api/studio/{name}/flac",
        "notes_url": f"/api/studio/{name}",
    }


def _clips(
    session: Session, space: TasteSpace, playable: PlayablePool, listener_id: uuid.UUID, domain: str
) -> list[dict[str, Any]]:
    """Clips met, best first, then the pool's others, best first too."""
    pool = playable.clips(session, domain)
    own = clip_rows.composed_clips(session, listener_id, domain=domain, model_version=space.version)
    clips = pool.joined(PlayableClips.of(own, space))
    met = set(session.scalars(offer_rows.clips_shown(listener_id, state="voted")))
    waiting = set(session.scalars(offer_rows.clips_shown(listener_id, state="open")))
    head = heads.load(session, listener_id, space)
    utility = utilities(head, clips.features).mean if clips.ids else np.zeros(0)
    order = sorted(range(len(clips.ids)), key=lambda index: (clips.ids[index] not in met, -utility[index]))
    described = named_traits(session, space, playable, domain, clips.features)
    shown: list[dict[str, Any]] = []
    for index in order:
        clip_id, composed = clips.ids[index], index >= len(pool.ids)
        if clip_id in waiting or (composed and clip_id not in met):
            continue
        seconds = max(clips.seconds[index])
        address = f"/api/clips/{clip_id}/{{}}/{seconds:g}"
        shown.append(
            {
                "name": f"{CLIPS}/{clip_id}",
                "title": "",
                "collection": "",
                "rank": len(shown) + 1 if clip_id in met else None,
                "composed": composed,
                "traits": described[index],
                "seconds": seconds,
                "audio_url": address.format("audio"),
                "notes_url": address.format("notes"),
            }
        )
    return shown
