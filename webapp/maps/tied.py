"""From the map of pictures into the music's map and back, by the annotated tie (``models.atlas.picture_points``).

A picture leads to the pieces that it was tied to when its map was drawn, where they are on the newest map of clips; a
piece of the map of clips leads to the pictures that lie nearest to what is measured of it now.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy.orm import Session

from db.queries import research
from models.atlas.projection import nearest
from models.music.notes import MusicError, Piece
from webapp.maps import open_maps
from webapp.maps.open_maps import OpenMap
from webapp.runtime.clip_store import ClipStore
from webapp.runtime.database import Database
from webapp.runtime.errors import NotYours

CLIPS, PICTURES = "clips", "pictures"
SHOWN = 6


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
