"""From a point of a map elsewhere: into the other map, by the annotated tie, and into the studio, by its own rule.

A picture leads to the pieces that it was tied to when its map was drawn, where they are on the newest map of clips; a
piece of the map of clips leads to the pictures that lie nearest to what is measured of it now
(``models.atlas.picture_points``). The studio starts from composed clips, tunes that may be played, and pictures.
"""

from __future__ import annotations

import base64
import io
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from PIL import Image
from sqlalchemy.orm import Session

from db.queries import research
from models.atlas.projection import nearest
from models.music.notes import MusicError, Piece
from models.music.played import PLAYED
from models.picture.reading import FORMATS
from webapp.composing.sources import CLIPS, PIECES
from webapp.maps import open_maps
from webapp.maps.open_maps import OpenMap
from webapp.runtime.clip_store import ClipStore
from webapp.runtime.database import Database
from webapp.runtime.errors import NotYours
from webapp.studio import pictures, uploads
from webapp.studio.studio import Studio

PICTURES = "pictures"
SHOWN = 6
TUNES = "tunes"


@dataclass(frozen=True)
class TiedPoint:
    """A point of the other map: where it is, what it is called, and where its picture and its music are."""

    map_id: str
    row: int
    text: str
    audio_url: str
    notes_url: str
    picture_url: str


def tied(database: Database, clip_store: ClipStore, found: OpenMap, number: int) -> list[TiedPoint]:
    """The points of the other map that a picture, or a piece of the map of clips, is tied to, the nearest first.

    Empty where the other map isn't there or has none of them, and for maps of tunes and titles.
    """
    row = found.row(number)
    if found.kind == PICTURES:
        other = _newest(database, clip_store, CLIPS)
        return [] if other is None else _of(other, _rows(other, found.drawn.points.tied[row]))
    if found.kind == CLIPS:
        other = _newest(database, clip_store, PICTURES)
        try:
            return [] if other is None else pictures_of(other, found.drawn.piece(row))
        except MusicError:  # its collection has gone
            return []
    return []


def pictures_of(other: OpenMap, piece: Piece) -> list[TiedPoint]:
    """The pictures of a map that are nearest to a piece."""
    from models.atlas.picture_points import measured_piece  # noqa: PLC0415 (torch, which a page needs only here)

    measures = other.drawn.points.measures
    if measures is None or not len(piece.notes):
        return []
    near = nearest(measures, min(SHOWN, len(measures)), measured_piece(piece, other.drawn.about.get("music"))[None])
    return _of(other, near.index[0].tolist())


def _rows(other: OpenMap, ids: Sequence[str]) -> list[int]:
    there = {name: row for row, name in enumerate(other.drawn.points.ids)}
    return [there[each] for each in ids if each in there]


def _of(other: OpenMap, numbers: Sequence[int]) -> list[TiedPoint]:
    address = f"/api/atlas/maps/{other.map_id}/points"
    return [
        TiedPoint(
            str(other.map_id), row, other.drawn.points.texts[row], f"{address}/{row}/audio", f"{address}/{row}/notes",
            f"{address}/{row}/picture" if other.kind == PICTURES else "",
        )
        for row in numbers
    ]  # fmt: skip


def _newest(database: Database, clip_store: ClipStore, kind: str) -> OpenMap | None:
    found = database.transaction(partial(_newest_id, kind=kind))
    try:
        return None if found is None else open_maps.opened(database, clip_store, found)
    except NotYours:  # its file is lost
        return None


def _newest_id(session: Session, kind: str) -> uuid.UUID | None:
    found = research.newest_maps(session).get(kind)
    return None if found is None else found.id


def picture(found: OpenMap, number: int) -> bytes:
    """The picture of a point, WebP; raises ``NotYours`` on a map of music."""
    row = found.row(number)
    if not found.drawn.points.thumbnails:
        raise NotYours(f"this is a map of {found.kind}, which has no pictures; GET /api/atlas tells which there are")
    return found.drawn.points.thumbnails[row]


def name_of(found: OpenMap, row: int) -> str | None:
    """What the studio calls the music of a point: ``clips/ID``, or ``tunes/COLLECTION/NAME``; None if it may not."""
    if found.drawn.points.ids[row].startswith(f"{CLIPS}/"):
        return found.drawn.points.ids[row]
    piece = found.drawn.piece(row)
    if piece.source not in PLAYED:
        return None
    return f"{TUNES}/{piece.source}/{piece.piece_id.removeprefix(f'{piece.source}/')}"


def address(studio: Studio, listener_id: uuid.UUID, name: str) -> str:
    """Where the studio starts from it; a tune is taken into the listener's studio first.

    Raises ``NotYours``, ``NotAllowed``, ``TooMany`` and ``NotReady`` as the studio does.
    """
    kind, _, rest = name.partition("/")
    if kind == TUNES:
        corpus, _, number = rest.partition("/")
        kind, _, rest = uploads.take(studio, listener_id, corpus, number).name.partition("/")
    return f"studio?piece={rest}" if kind == PIECES else f"studio?clip={rest}"


def picture_address(studio: Studio, listener_id: uuid.UUID, found: OpenMap, row: int) -> str:
    """Where the studio starts from the picture of a point, which is taken into the listener's studio first.

    Raises ``NotYours`` on a map of music, and ``NotAllowed``, ``TooMany`` and ``NotReady`` as the studio does.
    """
    png = io.BytesIO()
    Image.open(io.BytesIO(picture(found, row)), formats=FORMATS).convert("RGB").save(png, "PNG")
    title = found.drawn.points.texts[row]
    piece = pictures.bring(studio, listener_id, title, base64.b64encode(png.getvalue()).decode())
    return f"studio?piece={piece.name.removeprefix(f'{PIECES}/')}"
