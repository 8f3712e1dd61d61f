"""A listener's own music on a map: how they would like each point, what is not on the map in its place, and ways on.

What was composed since the map was drawn, for everybody or for this listener, is placed among its neighbours and moves
nothing. Clips that wait for a blind pair are left out, as in the studio.

A point leads into the other map, by the annotated tie, and into the studio, by its own rule. A picture leads to the
pieces that it was tied to when its map was drawn, where they are on the newest map of clips. A piece of the map of
clips leads to the pictures that lie nearest to what is measured of it now (``models.atlas.picture_points``). The studio
starts from composed clips, tunes that may be played, and pictures.
"""

from __future__ import annotations

import base64
import io
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from PIL import Image
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import offers as offer_rows
from db.queries import research
from db.queries.clips import PoolClip
from db.tables import Offer
from models.atlas.projection import FloatArray, nearest, place, style_vectors
from models.music.notes import DOMAINS, MusicError, Piece
from models.music.played import PLAYED
from models.picture.reading import FORMATS
from models.style.latents import Latents
from models.taste.head import utilities
from models.taste.space import TasteSpace, summary
from webapp.composing import media, sources
from webapp.composing.sources import CLIPS, PIECES, Source
from webapp.learning import heads
from webapp.maps import Atlas, open_maps, title_search
from webapp.maps.open_maps import DECIMALS, NEIGHBOURS_SHOWN, Neighbour, OpenMap
from webapp.runtime.clip_store import ClipStore
from webapp.runtime.database import Database
from webapp.runtime.errors import NotAllowed, NotReady, NotYours
from webapp.studio import pictures, uploads
from webapp.studio.studio import Studio

PICTURES = "pictures"
SHOWN = 6
TUNES = "tunes"


@dataclass(frozen=True)
class AddedClip:
    """A clip that is not on the map, at its place; ``own``: composed for this listener."""

    clip_id: str
    x: float
    y: float
    text: str
    domain: str
    own: bool
    utility: float
    seconds: float
    audio_url: str
    notes_url: str


@dataclass(frozen=True)
class ListenerView:
    """How this listener would like each point (posterior mean and SD, 0 is the average clip), if the map tells that.

    ``hidden``: rows that wait for a blind pair; ``added``: clips that are not on the map, each at its place.
    """

    votes: int
    utility: list[float] | None
    sd: list[float] | None
    hidden: list[int]
    added: list[AddedClip]


def view(database: Database, space: TasteSpace, listener_id: uuid.UUID, found: OpenMap) -> ListenerView:
    """One map as this listener may see it."""
    summaries = found.drawn.points.summaries
    if summaries is None or found.drawn.about["model_version"] != space.version:
        return ListenerView(0, None, None, [], [])

    def work(session: Session) -> ListenerView:
        head = heads.load(session, listener_id, space)
        liked = utilities(head, space.features(summaries))
        waiting = {
            side for o in offer_rows.open_ones(session, Offer, listener_id) for side in (o.left_clip, o.right_clip)
        }
        rows = {name: row for row, name in enumerate(found.drawn.points.ids)}
        hidden = sorted(rows[name] for clip in waiting if (name := f"clips/{clip}") in rows)
        clips = [
            (clip, domain)
            for clip, domain in _playable(session, space, listener_id)
            if f"clips/{clip.id}" not in rows and clip.id not in waiting
        ]
        added: list[AddedClip] = []
        if clips:
            theirs = np.stack([clip.summary for clip, _ in clips])
            vectors = style_vectors(theirs, found.drawn.about["sizes"], among=summaries)
            places = place(vectors, found.drawn.points.vectors, found.drawn.places)
            new = utilities(head, space.features(theirs)).mean
            added = [
                _shown(clip, domain, where, float(utility))
                for (clip, domain), where, utility in zip(clips, places, new, strict=True)
            ]
        return ListenerView(
            votes=head.votes_seen,
            utility=np.round(liked.mean, DECIMALS).tolist(),
            sd=np.round(liked.sd, DECIMALS).tolist(),
            hidden=hidden,
            added=added,
        )

    return database.transaction(work)


def _playable(session: Session, space: TasteSpace, listener_id: uuid.UUID) -> list[tuple[PoolClip, str]]:
    """Everybody's clips, and those of this listener's own that they have met, each with its kind of music."""
    version = space.version
    found: list[tuple[PoolClip, str]] = []
    for domain in DOMAINS:
        found += [(clip, domain) for clip in clip_rows.pool_clips(session, domain=domain, model_version=version)]
        own = clip_rows.composed_clips(session, listener_id, domain=domain, model_version=version)
        met = offer_rows.met_among(session, listener_id, [clip.id for clip in own])
        found += [(clip, domain) for clip in own if clip.id in met]
    return found


def _shown(clip: PoolClip, domain: str, where: Any, utility: float) -> AddedClip:
    seconds = max(clip.seconds)
    address = media.of_clip(clip.id, seconds)
    return AddedClip(
        clip_id=str(clip.id),
        x=round(float(where[0]), DECIMALS),
        y=round(float(where[1]), DECIMALS),
        text="Composed for you" if clip.composed else "Composed since the map was drawn",
        domain=domain,
        own=clip.composed,
        utility=round(utility, DECIMALS),
        seconds=seconds,
        audio_url=address.format("audio"),
        notes_url=address.format("notes"),
    )


@dataclass(frozen=True)
class Placement:
    """Where music that is not on a map lies on it, and its nearest points there."""

    x: float
    y: float
    neighbours: list[Neighbour]


def place_on(atlas: Atlas, found: OpenMap, listener_id: uuid.UUID, name: str) -> Placement:
    """The place of a clip or of a piece in the listener's studio; no point moves.

    Raises ``NotYours``, ``NotAllowed`` for music without a melody on a map of tunes or titles, ``NotReady`` where the
    map is an older model's.
    """

    def find(session: Session) -> Source:
        return sources.find(session, name, listener_id)

    vector = _vector(atlas, found, atlas.database.transaction(find))
    points = found.drawn.points
    near = nearest(points.vectors, min(NEIGHBOURS_SHOWN, len(points)), vector)
    (x, y) = np.round(place(vector, points.vectors, found.drawn.places)[0].astype(np.float64), DECIMALS).tolist()
    beside = zip(near.index[0].tolist(), near.distance[0].tolist(), strict=True)
    return Placement(x, y, [Neighbour(row, points.texts[row], round(far, DECIMALS)) for row, far in beside])


def _vector(atlas: Atlas, found: OpenMap, source: Source) -> FloatArray:
    """The music in the space of the map: ``(1, d)``."""
    if found.kind == "pictures":
        raise NotAllowed("this is a map of pictures; choose a map of music to place music on it")
    points, version = found.drawn.points, found.drawn.about["model_version"]
    stale = NotReady("this map is of another version of the model; draw it again to place music on it")
    if points.summaries is None:
        if version != title_search.model_version():
            raise stale
        return title_search.melody_vector(atlas.generation, source.notes)[None]
    if not version == atlas.space.version == source.model_version:
        raise stale
    own = summary(Latents.from_json(source.latents))[None]
    return style_vectors(own, found.drawn.about["sizes"], among=points.summaries)


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
