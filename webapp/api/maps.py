"""The HTTP interface of the maps, under ``/api/atlas``: which there are, their points, one point's sound and score.

A map never changes: one drawn of other music, by another model or with another seed has another id.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel

from webapp.api.listening import ERRORS, IMMUTABLE, Known, TheContext
from webapp.maps import maps, mine, placing, reading
from webapp.studio import sound

router = APIRouter(prefix="/api/atlas", tags=["maps"])

Kind = Literal["clips", "tunes", "titles", "joint"]
Row = Annotated[int, Path(ge=0, le=10_000_000)]


class LeftOut(BaseModel):
    """Pieces that are not on a map."""

    pieces: int
    why: str


class AMap(BaseModel):
    """A map without its points; ``quality`` as ``models.atlas.quality.Quality`` tells it, each figure with chance.

    ``left_out``: how many ``pieces`` of the collections are not on it and ``why``; null for maps of earlier versions.
    """

    map_id: uuid.UUID
    kind: Kind
    points: int
    model_version: str
    data_hash: str
    seed: int
    commit: str | None
    drawn_at: datetime
    colours: list[str]
    quality: dict[str, Any]
    left_out: LeftOut | None


class Progress(BaseModel):
    """A job that draws a map: waiting, running, done or failed, at which stage, and which share of all is behind it."""

    state: Literal["waiting", "running", "done", "failed"]
    stage: str
    share: float
    error: str | None


class KindOfMap(BaseModel):
    """One kind of map: the newest one and the newest job, where there are any."""

    kind: Kind
    title: str
    explained: str
    map: AMap | None
    job: Progress | None


class Named(BaseModel):
    """Another point of the same map."""

    row: int
    text: str


class Neighbour(Named):
    """A near point; ``distance`` in the original space."""

    distance: float


class Point(Named):
    """One point in full; ``links``: the tunes of a title, or the titles of a tune."""

    id: str
    colours: dict[str, str]
    terms: str
    neighbours: list[Neighbour]
    links: list[Named]
    audio_url: str
    notes_url: str
    score_url: str


class Mine(BaseModel):
    """How this listener would like each point (posterior mean and SD, 0 is the average clip), if the map tells that.

    ``hidden``: rows that wait for a blind pair; ``added``: clips that are not on the map, each at its place.
    """

    votes: int
    utility: list[float] | None
    sd: list[float] | None
    hidden: list[int]
    added: list[dict[str, Any]]


class Placed(BaseModel):
    """Where music that is not on a map lies on it, and its nearest points there."""

    x: float
    y: float
    neighbours: list[Neighbour]


@router.get("", responses=ERRORS)
def read_maps(context: TheContext, response: Response) -> list[KindOfMap]:
    """Every kind of map, the newest of each, and how far one is that is being drawn."""
    response.headers["Cache-Control"] = "no-store"
    return [KindOfMap.model_validate(each) for each in maps.overview(context.database)]


@router.post("/{kind}", status_code=202, responses=ERRORS)
def draw(kind: Kind, context: TheContext, listener_id: Known) -> Progress:  # noqa: ARG001 (anybody who listens may)
    """Have a map drawn by the worker, once everything more urgent is done; one that is being drawn is not doubled."""
    return Progress.model_validate(maps.ask(context.database, kind))


@router.get("/maps/{map_id}/points", responses=ERRORS, response_class=Response)
def read_points(map_id: uuid.UUID, context: TheContext, request: Request) -> Response:
    """All points by columns: ``{map_id, kind, x, y, text, colours: {name: {labels, codes}}, links}``; -1 is unknown."""
    packed = reading.opened(context.database, context.clip_store, map_id).packed
    headers = {"Cache-Control": IMMUTABLE, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, media_type="application/json", headers={**headers, "Content-Encoding": "gzip"})
    return Response(reading.unpacked(packed), media_type="application/json", headers=headers)


@router.get("/maps/{map_id}/mine", responses=ERRORS)
def read_mine(map_id: uuid.UUID, context: TheContext, listener_id: Known, response: Response) -> Mine:
    """The map as this listener may see it."""
    response.headers["Cache-Control"] = "no-store"
    return Mine.model_validate(
        mine.view(
            context.database, context.space, listener_id, reading.opened(context.database, context.clip_store, map_id)
        )
    )


@router.get("/maps/{map_id}/place/{kind}/{source_id}", responses=ERRORS)
def place(
    map_id: uuid.UUID, kind: Literal["clips", "pieces"], source_id: uuid.UUID, context: TheContext, listener_id: Known
) -> Placed:
    """A clip, or a piece of the listener's studio, on a map that was drawn without it; no point moves."""
    found = reading.opened(context.database, context.clip_store, map_id)
    return Placed.model_validate(
        placing.placed(context.database, context.generation, context.space, listener_id, found, f"{kind}/{source_id}")
    )


@router.get("/maps/{map_id}", responses=ERRORS)
def read_map(map_id: uuid.UUID, context: TheContext) -> AMap:
    """One map by its id, also one that is not the newest."""
    return AMap.model_validate(maps.by_id(context.database, map_id))


@router.get("/maps/{map_id}/parquet", responses=ERRORS, response_class=Response)
def read_parquet(map_id: uuid.UUID, context: TheContext) -> Response:
    """The map as a Parquet file that Embedding Atlas opens (``--x x --y y --text text --neighbors neighbors``)."""
    name = f'attachment; filename="kallos-map-{map_id}.parquet"'
    data = reading.parquet(context.database, context.clip_store, map_id)
    return Response(
        data,
        media_type="application/vnd.apache.parquet",
        headers={"Content-Disposition": name, "Cache-Control": IMMUTABLE},
    )


@router.get("/maps/{map_id}/points/{row}", responses=ERRORS)
def read_point(map_id: uuid.UUID, row: Row, context: TheContext) -> Point:
    """One point in full."""
    return Point.model_validate(reading.point(reading.opened(context.database, context.clip_store, map_id), row))


@router.get("/maps/{map_id}/points/{row}/notes", responses=ERRORS)
def read_notes(map_id: uuid.UUID, row: Row, context: TheContext, response: Response) -> dict[str, Any]:
    """``{seconds, notes: [[start_s, duration_s, pitch, velocity], …]}`` in the time of the sound."""
    response.headers["Cache-Control"] = IMMUTABLE
    return reading.notes(reading.opened(context.database, context.clip_store, map_id), row)


@router.get("/maps/{map_id}/points/{row}/audio", responses=ERRORS, response_class=Response)
def read_audio(map_id: uuid.UUID, row: Row, context: TheContext) -> Response:
    """The point's music, FLAC, rendered when it is asked for."""
    data = sound.sound(reading.source(reading.opened(context.database, context.clip_store, map_id), row), "flac")
    return Response(data, media_type="audio/flac", headers={"Cache-Control": IMMUTABLE})


@router.get("/maps/{map_id}/points/{row}/score", responses=ERRORS, response_class=Response)
def read_score(map_id: uuid.UUID, row: Row, context: TheContext) -> Response:
    """The point's music as ABC for the eye."""
    data = sound.abc(reading.source(reading.opened(context.database, context.clip_store, map_id), row), reading=True)
    return Response(data, media_type="text/vnd.abc; charset=utf-8")
