"""Pieces of the collections that may be played, found by their titles, heard, and taken into a listener's studio."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from urllib.parse import quote

from sqlalchemy.orm import Session

from db.queries import composed
from models.music import played
from models.music.notes import Domain, MusicError, Piece
from webapp.composing.sources import PIECES, Source
from webapp.generation.protocol import answered
from webapp.runtime.errors import NotYours
from webapp.studio.limits import check_rate, slow_slot
from webapp.studio.piano_roll import PianoRoll, piano_roll
from webapp.studio.pieces import OpenedPiece, keep_encoded, open_piece
from webapp.studio.studio import Studio
from webapp.studio.uploads import BARS, READ_BARS

REMEMBERED = 24  # pieces among which one that was taken before is looked for

_reading = threading.Lock()  # reading is Python's own work and would hold votes up


@dataclass(frozen=True)
class Tune:
    """A piece of a collection; POST to its ``address`` takes it into the studio."""

    address: str
    title: str
    collection: str
    domain: Domain
    audio_url: str
    notes_url: str


@dataclass(frozen=True)
class FoundTunes:
    """How many pieces of ``collections`` have the words in a title, and the first of them.

    ``collections``: what is searched, empty where no collection is there.
    """

    collections: list[str]
    found: int
    tunes: list[Tune]


def find_tunes(words: str, domain: str, limit: int) -> FoundTunes:
    """Pieces with ``words`` in a title, those of ``domain`` first, at most ``limit``."""
    with _reading:
        entries = played.find(words, domain)
    return FoundTunes(played.collections(), len(entries), [_tune(title, entry) for title, entry in entries[:limit]])


def _tune(title: str, entry: played.Entry) -> Tune:
    address = f"/api/studio/tunes/{entry.corpus}/{quote(entry.name)}"
    return Tune(address, title, entry.collection, entry.domain, f"{address}/audio", f"{address}/notes")


def source(corpus: str, name: str) -> Source:
    """The beginning of a piece as sound and roll are made of; raises ``NotYours`` where there is none."""
    entry, piece = _read(corpus, name)
    begin = piece.window(int(piece.has_pickup), BARS)
    return Source(
        f"tunes/{corpus}/{name}", entry.domain, entry.titles[0], {}, begin.to_json(), {}, "", mine=False, written=True
    )


def notes(corpus: str, name: str) -> PianoRoll:
    """What ``source`` begins with, in the time of its sound."""
    return piano_roll(source(corpus, name))


def take(studio: Studio, listener_id: uuid.UUID, corpus: str, name: str) -> OpenedPiece:
    """The piece's first eight whole bars in the listener's studio, kept once; answered as the page shows it.

    Raises ``NotYours`` where there is no such piece, ``NotAllowed`` where the model can't take it, ``TooMany`` and
    ``NotReady`` as composing does.
    """
    version, database = studio.space.version, studio.database
    before = database.transaction(lambda session: _taken(session, version, listener_id, f"{corpus}/{name}"))
    if before is not None:
        return open_piece(studio, listener_id, before)
    database.transaction(lambda session: check_rate(session, listener_id))
    entry, piece = _read(corpus, name)
    with slow_slot(), answered(refused=f"“{entry.titles[0]}” can't be used, choose another piece"):
        encoded = studio.generation.encode(piece.window(0, READ_BARS).to_json())
    return open_piece(studio, listener_id, keep_encoded(studio, listener_id, entry.domain, entry.titles[0], encoded))


def _taken(session: Session, version: str, listener_id: uuid.UUID, piece_id: str) -> str | None:
    for piece in composed.brought_pieces(session, listener_id, REMEMBERED):
        if piece.notes.get("piece_id") == piece_id and piece.model_version == version:
            return f"{PIECES}/{piece.id}"
    return None


def _read(corpus: str, name: str) -> tuple[played.Entry, Piece]:
    try:
        with _reading:
            return played.read(corpus, name)
    except MusicError as error:
        raise NotYours(str(error)) from error
