"""Pieces of the collections that may be played, found by their titles, heard, and taken into a listener's studio."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy.orm import Session

from db.queries import studio as rows
from models.music import played
from models.music.notes import TICKS_PER_QUARTER, MusicError, Piece
from models.taste.space import TasteSpace
from webapp.composing.sources import PIECES, Source
from webapp.generation.protocol import BadRequest, GenerationError
from webapp.generation.remote import RemoteGenerator
from webapp.learning.playable_clips import PlayablePool
from webapp.runtime.database import Database
from webapp.runtime.errors import NotAllowed, NotReady, NotYours
from webapp.runtime.journal import Journal
from webapp.studio.opening import in_time, open_piece
from webapp.studio.room import check_rate, keep_heard, place
from webapp.studio.uploads import READ_BARS

BARS = 8  # as many as the generator takes
REMEMBERED = 24  # pieces among which one that was taken before is looked for

_reading = threading.Lock()  # reading is Python's own work and would hold votes up


def found(words: str, domain: str, limit: int) -> dict[str, Any]:
    """``{collections, found, tunes}``: pieces with ``words`` in a title, those of ``domain`` first, at most ``limit``.

    ``found``: how many there are; ``collections``: what is searched, empty where no collection is there.
    """
    with _reading:
        entries = played.find(words, domain)
    return {
        "collections": played.collections(),
        "found": len(entries),
        "tunes": [_described(title, entry) for title, entry in entries[:limit]],
    }


def _described(title: str, entry: played.Entry) -> dict[str, Any]:
    address = f"/api/studio/tunes/{entry.corpus}/{quote(entry.name)}"
    return {
        "address": address,
        "title": title,
        "collection": entry.collection,
        "domain": entry.domain,
        "audio_url": f"{address}/audio",
        "notes_url": f"{address}/notes",
    }


def source(corpus: str, name: str) -> Source:
    """The beginning of a piece as sound and roll are made of; raises ``NotYours`` where there is none."""
    entry, piece = _read(corpus, name)
    _, length, numerator, denominator = piece.bars[0].tolist()
    pickup = length * denominator < 4 * TICKS_PER_QUARTER * numerator
    begin = piece.window(int(pickup), BARS)
    return Source(f"tunes/{corpus}/{name}", entry.domain, entry.titles[0], {}, begin.to_json(), {}, "", mine=False)


def notes(corpus: str, name: str) -> dict[str, Any]:
    """``{seconds, bars_s, notes}`` of what ``source`` begins with."""
    return in_time(source(corpus, name).piece)


def take(
    database: Database,
    journal: Journal,
    generation: RemoteGenerator,
    space: TasteSpace,
    playable: PlayablePool,
    style_folder: Path,
    listener_id: uuid.UUID,
    corpus: str,
    name: str,
) -> dict[str, Any]:
    """The piece's first eight whole bars in the listener's studio, kept once; answered as the page shows it.

    Raises ``NotYours`` where there is no such piece, ``NotAllowed`` where the model can't take it, ``TooMany`` and
    ``NotReady`` as composing does.
    """
    before = database.transaction(lambda session: _taken(session, space, listener_id, f"{corpus}/{name}"))
    if before is not None:
        return open_piece(database, space, playable, style_folder, listener_id, before)
    database.transaction(lambda session: check_rate(session, listener_id))
    entry, piece = _read(corpus, name)
    with place():
        try:
            heard = generation.encode(piece.window(0, READ_BARS).to_json())
        except BadRequest as error:
            raise NotAllowed(f"“{entry.titles[0]}” can't be used: {error}. Choose another piece") from error
        except GenerationError as error:
            raise NotReady("the composer does not answer just now; try again in a moment") from error
    return open_piece(
        database,
        space,
        playable,
        style_folder,
        listener_id,
        keep_heard(database, journal, listener_id, entry.domain, entry.titles[0], heard),
    )


def _taken(session: Session, space: TasteSpace, listener_id: uuid.UUID, piece_id: str) -> str | None:
    for piece in rows.brought_pieces(session, listener_id, REMEMBERED):
        if piece.notes.get("piece_id") == piece_id and piece.model_version == space.version:
            return f"{PIECES}/{piece.id}"
    return None


def _read(corpus: str, name: str) -> tuple[played.Entry, Piece]:
    try:
        with _reading:
            return played.read(corpus, name)
    except MusicError as error:
        raise NotYours(str(error)) from error
