"""What a listener may start or borrow from: what they brought or kept, their best clips so far, then more of the pool.

A piece that somebody has met and keeps becomes one of their own studio, where it stays whatever becomes of it.
"""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import composed
from db.queries import composed as rows
from db.queries import offers as offer_rows
from db.tables import PICTURES, StudioPiece
from models.music.played import COLLECTIONS, PLAYED
from models.taste.head import utilities
from webapp.composing import media
from webapp.composing.sources import CLIPS, PIECES, Source, find, named_traits, traits
from webapp.learning import heads
from webapp.learning.playable_clips import PlayableClips
from webapp.runtime.database import known_listener
from webapp.runtime.errors import NotReady
from webapp.studio import pictures, pieces
from webapp.studio.pieces import IMAGE, Described
from webapp.studio.studio import Studio, check_rate

MOST_OWN, MOST_TAKEN, LOOKED_AT = 6, 4, 24  # own files, tunes of collections, and the newest among which they are
TITLE, PICTURE = "A piece you kept", "A picture you kept"


@dataclass(frozen=True)
class StartingPoint(Described):
    """Something to start or borrow from; ``rank`` among the clips that the listener has met.

    ``collection``: where the listener took it from, empty for a clip and for an own file.
    """

    name: str
    collection: str
    rank: int | None
    composed: bool
    seconds: float | None
    audio_url: str | None
    notes_url: str | None
    image_url: str | None


def starting_points(studio: Studio, listener_id: uuid.UUID, domain: str, limit: int) -> list[StartingPoint]:
    """What the listener brought, their best clips so far, then more of the pool: at most ``limit`` clips.

    Clips that wait for their blind pair are not among them. Raises ``NotReady`` while there is nothing at all.
    """

    def work(session: Session) -> list[StartingPoint]:
        known_listener(session, listener_id)
        brought = rows.brought_pieces(session, listener_id, LOOKED_AT, pictures=domain == PICTURES)
        own = [piece for piece in brought if not _collection(piece)][:MOST_OWN]
        taken = [piece for piece in brought if _collection(piece)][:MOST_TAKEN]
        pieces = [_piece(session, studio, listener_id, piece) for piece in (*own, *taken)]
        return pieces + _clips(session, studio, listener_id, domain)[:limit]

    found = studio.database.transaction(work)
    if not found:
        raise NotReady("the first pieces are being composed; ask again in a second")
    return found


def _collection(piece: StudioPiece) -> str:
    source = piece.notes.get("source", "")
    return COLLECTIONS[source] if source in PLAYED else ""


def _piece(session: Session, studio: Studio, listener_id: uuid.UUID, piece: StudioPiece) -> StartingPoint:
    name, seen = f"{PIECES}/{piece.id}", piece.domain == PICTURES
    return StartingPoint(
        name=name,
        title=piece.title,
        collection=_collection(piece),
        rank=None,
        composed=False,
        traits=traits(session, studio.playable, find(session, name, listener_id, pictures=True)),
        seconds=None,
        audio_url=None if seen else f"/api/studio/{name}/flac{media.played()}",
        notes_url=None if seen else f"/api/studio/{name}",
        image_url=f"/api/studio/{name}/{IMAGE}" if seen else None,
    )


def _clips(session: Session, studio: Studio, listener_id: uuid.UUID, domain: str) -> list[StartingPoint]:
    """Clips met, best first, then the pool's others, best first too."""
    space = studio.playable.space_of(domain)
    pool = studio.playable.clips(session, domain)
    own = clip_rows.composed_clips(session, listener_id, domain=domain, model_version=space.version)
    clips = pool.joined(PlayableClips.of(own, space))
    met = offer_rows.ids_shown(session, listener_id, state="voted")
    waiting = offer_rows.ids_shown(session, listener_id, state="open")
    head = heads.load(session, listener_id, space)
    utility = utilities(head, clips.features).mean if clips.ids else np.zeros(0)
    order = sorted(range(len(clips.ids)), key=lambda index: (clips.ids[index] not in met, -utility[index]))
    described = named_traits(session, space, studio.playable, domain, clips.features)
    found: list[StartingPoint] = []
    for index in order:
        clip_id, composed = clips.ids[index], index >= len(pool.ids)
        if clip_id in waiting or (composed and clip_id not in met):
            continue
        seconds = max(clips.seconds[index])
        address, seen = media.of_clip(clip_id, seconds), domain == PICTURES
        found.append(
            StartingPoint(
                name=f"{CLIPS}/{clip_id}",
                title="",
                collection="",
                rank=len(found) + 1 if clip_id in met else None,
                composed=composed,
                traits=described[index],
                seconds=seconds,
                audio_url=None if seen else address.format("audio"),
                notes_url=None if seen else address.format("notes"),
                image_url=media.of_picture(clip_id) if seen else None,
            )
        )
    return found


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
