"""The sound and the notes of a clip as a player asks for them, and the picture of one that is a picture."""

from __future__ import annotations

import base64
import logging
import threading
import uuid
from typing import Any

from sqlalchemy.orm import Session

from db.queries import clips as rows
from db.tables import PICTURE_SECONDS, PICTURES
from models.music.notes import Domain, Piece
from models.music.performance import bars_in_seconds, notes_in_seconds
from models.style.performance import touch
from webapp.composing import media
from webapp.composing.jobs import domain_named
from webapp.generation.protocol import DrawingsRequest, Generator, answered
from webapp.runtime.clip_store import ClipMissingError, ClipStore
from webapp.runtime.database import Database
from webapp.runtime.errors import NotYours
from webapp.runtime.waiting import Waits, always, turn

log = logging.getLogger(__name__)
_rendering = threading.Lock()  # one at a time: it is rare, and votes come first


def require_theirs(database: Database, clip_id: uuid.UUID, listener_id: uuid.UUID | None) -> None:
    """Raises ``NotYours`` for a clip that was composed for another listener, who alone hears it."""
    _, owner = database.transaction(lambda session: rows.owner_of(session, clip_id))
    if owner is not None and owner != listener_id:
        raise NotYours(f"there is no clip {clip_id}, or it is another listener's; send your token with the request")


def audio(
    database: Database, clip_store: ClipStore, clip_id: uuid.UUID, seconds: float, waits: Waits = always
) -> bytes:
    """The MP3 of a clip; raises ``NotYours`` for what was never rendered, ``NobodyWaits`` where nobody ``waits``.

    It is rendered again where the store lost it, and where it is played otherwise than clips are today: whatever is
    heard beside it is played in the same way.
    """

    def find(session: Session) -> str | None:
        _require_music(clip_id, picture=bool(rows.pictures_among(session, [clip_id])))
        row = rows.get_audio(session, clip_id, seconds)
        if row is None:
            raise NotYours(f"there is no clip {clip_id} of {seconds:g} seconds")
        return row.uri if row.playing == touch.version() else None

    def stored() -> bytes | None:
        key = database.transaction(find)
        try:
            return None if key is None else clip_store.get(key)
        except ClipMissingError as lost:
            log.warning("clip_lost clip=%s seconds=%g error=%s", clip_id, seconds, lost)
            return None

    if (data := stored()) is not None:
        return data
    with turn(_rendering, waits):
        data = stored()  # where another request was first
        return _again(database, clip_store, clip_id, seconds, waits) if data is None else data


def notes(database: Database, clip_id: uuid.UUID, seconds: float) -> dict[str, Any]:
    """``{seconds, notes: [[start_s, duration_s, pitch, velocity], …], bars_s}`` of a clip at one of its lengths.

    ``bars_s`` as of a ``PianoRoll``, of the whole clip.
    """

    def find(session: Session) -> tuple[Piece, Domain]:
        stored = rows.sounding_notes(session, clip_id, seconds)
        if stored is None or stored.domain == PICTURES:
            _require_music(clip_id, picture=bool(rows.pictures_among(session, [clip_id])))
            raise NotYours(f"there is no clip {clip_id} of {seconds:g} seconds")
        return Piece.from_json(stored.notes), domain_named(stored.domain)

    piece, domain = database.transaction(find)
    performance = touch.play(piece, domain)
    sounding = notes_in_seconds(piece, seconds, performance)
    return {"seconds": seconds, "notes": sounding, "bars_s": bars_in_seconds(piece, performance)}


def image(database: Database, clip_store: ClipStore, generation: Generator, clip_id: uuid.UUID) -> bytes:
    """The file of a picture (``images``), drawn again from its latents where the store lost it.

    Raises ``NotYours`` for what is no picture, and ``NotReady`` where it would have to be drawn and nobody can.
    """

    def find(session: Session) -> tuple[str, dict[str, Any]]:
        row, clip = rows.get_audio(session, clip_id, PICTURE_SECONDS), rows.get_clip(session, clip_id)
        if row is None or clip is None or clip.domain != PICTURES:
            raise NotYours(f"there is no picture {clip_id}")
        return row.uri, clip.latents

    key, latents = database.transaction(find)
    try:
        return clip_store.get(key)
    except ClipMissingError as lost:
        log.warning("picture_lost clip=%s error=%s", clip_id, lost)
    with answered("the picture model", "this picture can't be drawn"):
        (drawn,) = generation.drawings(DrawingsRequest(latents=[latents]), decoded=True).pictures
    found = base64.b64decode(drawn)
    stored = clip_store.put(found, media.ending(found))

    def note(session: Session) -> None:
        row = rows.get_audio(session, clip_id, PICTURE_SECONDS, lock=True)
        if row is not None:  # another machine may round otherwise
            row.sha256, row.uri, row.bytes = stored.sha256, stored.key, stored.size

    database.transaction(note)
    return found


def _require_music(clip_id: uuid.UUID, *, picture: bool) -> None:
    if picture:
        seen = media.of_picture(clip_id)
        raise NotYours(f"clip {clip_id} is a picture, without sound and notes; GET {seen} gives its SVG or PNG")


def _again(database: Database, clip_store: ClipStore, clip_id: uuid.UUID, seconds: float, waits: Waits) -> bytes:
    """Render a clip from its notes."""
    from webapp.composing.rendering import render_into  # noqa: PLC0415 (the piano, only where it is needed)

    def read(session: Session) -> tuple[Piece, Domain] | None:
        clip = rows.get_clip(session, clip_id)
        return (Piece.from_json(clip.notes), domain_named(clip.domain)) if clip else None

    found = database.transaction(read)
    if found is None:
        raise NotYours(f"there is no clip {clip_id}")
    piece, domain = found
    sound = render_into(clip_store, piece, seconds, domain, waits=waits)

    def note(session: Session) -> None:
        row = rows.get_audio(session, clip_id, seconds, lock=True)
        if row is not None:  # another version of the synthesiser may give other bytes
            row.sha256, row.uri, row.bytes = sound.sha256, sound.key, sound.size
            row.lufs, row.true_peak_db, row.playing = sound.lufs, sound.true_peak_db, sound.playing

    database.transaction(note)
    return clip_store.get(sound.key)
