"""The HTTP interface of the maps, under ``/api/atlas``, and of titles found by them, under ``/api/titles``.

A map never changes: one drawn of other music, by another model or with another seed has another id. Titles: words to
tunes, music to titles, and their odds.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from webapp.api.dependencies import ERRORS, IMMUTABLE, Known, TheContext
from webapp.context import Context
from webapp.maps import catalogue, listener_view, open_maps, title_search
from webapp.studio import formats
from webapp.studio.formats import PianoRoll

router = APIRouter(prefix="/api/atlas", tags=["maps"])

Kind = Literal["clips", "tunes", "titles", "joint", "pictures"]
Row = Annotated[int, Path(ge=0, le=10_000_000)]


def _opened(context: Context, map_id: uuid.UUID) -> open_maps.OpenMap:
    return open_maps.opened(context.database, context.clip_store, map_id)


@router.get("", responses=ERRORS)
def read_maps(context: TheContext, response: Response) -> list[catalogue.KindOfMap]:
    """Every kind of map, the newest of each, and how far one is that is being drawn."""
    response.headers["Cache-Control"] = "no-store"
    return catalogue.overview(context.database)


@router.post("/{kind}", status_code=202, responses=ERRORS)
def draw(kind: Kind, context: TheContext, listener_id: Known) -> catalogue.DrawingJob:  # noqa: ARG001 (anybody who listens may)
    """Have a map drawn by the worker, once everything more urgent is done; one that is being drawn is not doubled."""
    return catalogue.request_drawing(context.database, kind)


@router.get("/maps/{map_id}/points", responses=ERRORS, response_class=Response)
def read_points(map_id: uuid.UUID, context: TheContext, request: Request) -> Response:
    """All points by columns: ``{map_id, kind, x, y, text, colours: {name: {labels, codes}}, links}``; -1 is unknown."""
    packed = _opened(context, map_id).packed
    headers = {"Cache-Control": IMMUTABLE, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, media_type="application/json", headers={**headers, "Content-Encoding": "gzip"})
    return Response(open_maps.unpacked(packed), media_type="application/json", headers=headers)


@router.get("/maps/{map_id}/mine", responses=ERRORS)
def read_mine(
    map_id: uuid.UUID, context: TheContext, listener_id: Known, response: Response
) -> listener_view.ListenerView:
    """The map as this listener may see it."""
    response.headers["Cache-Control"] = "no-store"
    return listener_view.view(context.database, context.space, listener_id, _opened(context, map_id))


@router.get("/maps/{map_id}/place/{kind}/{source_id}", responses=ERRORS)
def place(
    map_id: uuid.UUID, kind: Literal["clips", "pieces"], source_id: uuid.UUID, context: TheContext, listener_id: Known
) -> listener_view.Placement:
    """A clip, or a piece of the listener's studio, on a map that was drawn without it; no point moves."""
    found = _opened(context, map_id)
    return listener_view.place_on(context.atlas, found, listener_id, f"{kind}/{source_id}")


@router.get("/maps/{map_id}", responses=ERRORS)
def read_map(map_id: uuid.UUID, context: TheContext) -> catalogue.MapEntry:
    """One map by its id, also one that is not the newest."""
    return catalogue.by_id(context.database, map_id)


@router.get("/maps/{map_id}/parquet", responses=ERRORS, response_class=Response)
def read_parquet(map_id: uuid.UUID, context: TheContext) -> Response:
    """The map as a Parquet file that Embedding Atlas opens (``--x x --y y --text text --neighbors neighbors``)."""
    name = f'attachment; filename="kallos-map-{map_id}.parquet"'
    data = open_maps.parquet(context.database, context.clip_store, map_id)
    return Response(
        data,
        media_type="application/vnd.apache.parquet",
        headers={"Content-Disposition": name, "Cache-Control": IMMUTABLE},
    )


@router.get("/maps/{map_id}/points/{row}", responses=ERRORS)
def read_point(map_id: uuid.UUID, row: Row, context: TheContext) -> open_maps.Point:
    """One point in full."""
    return open_maps.point(_opened(context, map_id), row)


@router.get("/maps/{map_id}/points/{row}/notes", responses=ERRORS)
def read_notes(map_id: uuid.UUID, row: Row, context: TheContext, response: Response) -> PianoRoll:
    """The point's notes in the time of its sound."""
    response.headers["Cache-Control"] = IMMUTABLE
    return open_maps.notes(_opened(context, map_id), row)


@router.get("/maps/{map_id}/points/{row}/audio", responses=ERRORS, response_class=Response)
def read_audio(map_id: uuid.UUID, row: Row, context: TheContext) -> Response:
    """The point's music, FLAC, rendered when it is asked for."""
    data = formats.sound(open_maps.source(_opened(context, map_id), row), "flac")
    return Response(data, media_type="audio/flac", headers={"Cache-Control": IMMUTABLE})


@router.get("/maps/{map_id}/points/{row}/picture", responses=ERRORS, response_class=Response)
def read_picture(map_id: uuid.UUID, row: Row, context: TheContext) -> Response:
    """The picture of a point of a map of pictures, WebP, 96 x 96 pixels."""
    data = listener_view.picture(_opened(context, map_id), row)
    return Response(data, media_type="image/webp", headers={"Cache-Control": IMMUTABLE})


@router.get("/maps/{map_id}/points/{row}/tied", responses=ERRORS)
def read_tied(map_id: uuid.UUID, row: Row, context: TheContext, response: Response) -> list[listener_view.TiedPoint]:
    """The points of the other map that a picture, or a piece of the map of clips, is tied to, the nearest first."""
    response.headers["Cache-Control"] = "no-store"
    return listener_view.tied(context.database, context.clip_store, _opened(context, map_id), row)


@router.get("/maps/{map_id}/points/{row}/score", responses=ERRORS, response_class=Response)
def read_score(map_id: uuid.UUID, row: Row, context: TheContext) -> Response:
    """The point's music as ABC for the eye."""
    data = formats.abc(open_maps.source(_opened(context, map_id), row), reading=True)
    return Response(data, media_type="text/vnd.abc; charset=utf-8")


titles_router = APIRouter(prefix="/api/titles", tags=["titles"])
Limit = Annotated[int, Query(ge=1, le=24)]


@titles_router.get("", responses=ERRORS)
def read_titles(context: TheContext, response: Response) -> title_search.TitleTowers:
    """The measured odds, and whether there are maps to answer from."""
    response.headers["Cache-Control"] = "no-store"
    return title_search.overview(context.database)


@titles_router.get("/tunes", responses=ERRORS)
def find_tunes(
    context: TheContext, words: Annotated[str, Query(min_length=1, max_length=120)], limit: Limit = 8
) -> title_search.FoundTunes:
    """The tunes whose melodies lie nearest to any words."""
    return title_search.find_tunes(context.atlas, words, limit)


@titles_router.get("/ideas/{kind}/{source_id}", responses=ERRORS)
def name_music(
    kind: Literal["clips", "pieces"], source_id: uuid.UUID, context: TheContext, listener_id: Known, limit: Limit = 8
) -> title_search.FoundTitles:
    """Titles for a clip or for a piece of the listener's studio (a file is brought to ``/api/studio/uploads``)."""
    return title_search.name_music(context.atlas, listener_id, f"{kind}/{source_id}", limit)
