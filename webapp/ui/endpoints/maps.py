"""Endpoints of research: the maps, what lies near on them, and how well titles and melodies find each other.

Words lead to tunes and music to titles: loose inspiration, and chance is told beside it.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict
from typing import Annotated, Any, Literal, cast

from pydantic import Field
from sqlalchemy.orm import Session
from typing_extensions import TypedDict

from models.atlas.regions import Box, Region
from webapp.api.maps import Kind
from webapp.context import Context
from webapp.maps import catalogue, listener_view, open_maps, title_search
from webapp.maps.listener_view import TiedPoint
from webapp.runtime.errors import NotAllowed, NotReady
from webapp.ui.endpoints.endpoint import SLOW, Endpoint, SourceName, Token
from webapp.ui.handlers import listener_of

Words = Annotated[str, Field(min_length=1, max_length=120)]
Limit = Annotated[int, Field(ge=1, le=24)]


class Coded(TypedDict):
    """Labels of points as numbers of a list; -1 is unknown."""

    labels: list[str]
    codes: list[int]


class PointMap(TypedDict):
    """A map by columns, one entry a point, with where it comes from."""

    map_id: uuid.UUID
    kind: Kind
    model_version: str
    data_hash: str
    seed: int
    quality: dict[str, Any]
    x: list[float]
    y: list[float]
    text: list[str]
    ids: list[str]
    colours: dict[str, Coded]
    links: list[list[int]] | None
    regions: list[Region]
    islands: list[Box]
    mine: listener_view.ListenerView | None


class Around(TypedDict):
    """A point, or a place that some music would have, with what lies near in the original space."""

    x: float
    y: float
    text: str
    neighbours: list[open_maps.Neighbour]
    links: list[open_maps.NamedPoint]
    tied: list[TiedPoint]


class Study(TypedDict):
    """A study of models of titles: what it compares and how far it is."""

    name: str
    preset: str | None
    conditions: list[str]
    runs: int
    ended: int
    tested: bool


class Result(TypedDict):
    """One figure of one variant; without a ``seed`` it is the mean over seeds."""

    condition: str
    seed: int | None
    value: float | None
    low: float | None
    high: float | None
    chance: float | None
    n: int | None


class Retrieval(TypedDict):
    """How well titles and melodies find each other: of the shipped model (``odds``), and in the studies here."""

    model_version: str
    odds: dict[str, Any] | None
    studies: list[Study]
    study: str | None
    results: list[Result]


def _newest(context: Context, kind: str) -> tuple[catalogue.MapEntry, open_maps.OpenMap]:
    """The newest map of a kind; raises ``NotReady`` where none has been drawn."""
    entry = next(each.map for each in catalogue.overview(context.database) if each.kind == kind)
    if entry is None:
        raise NotReady(f"the map of {kind} has not been drawn yet: draw it on the Maps page (/maps?kind={kind})")
    return entry, open_maps.opened(context.database, context.clip_store, uuid.UUID(str(entry.map_id)))


def map_points(context: Context, kind: Kind = "clips", token: Token = "") -> PointMap:
    """Give the newest map of a kind with all its points.

    Args:
        kind: clips, tunes, titles, joint (titles and tunes in one space), or pictures.
        token: a listener's token, to see how they would like each clip; may be left out.

    Returns:
        The points by columns, their labels, the map's quality with chance beside it, and what it was made from.
    """
    entry, found = _newest(context, kind)
    theirs = listener_view.view(context.database, context.space, listener_of(context, token), found) if token else None
    columns: dict[str, Any] = json.loads(open_maps.unpacked(found.packed))
    told: Any = {**asdict(entry), **columns, "ids": found.drawn.points.ids, "mine": theirs}
    return cast("PointMap", told)


def neighbours(
    context: Context,
    kind: Kind = "clips",
    row: Annotated[int, Field(ge=0, le=10_000_000)] | None = None,
    music: SourceName | None = None,
    token: Token = "",
) -> Around:
    """Tell what lies nearest to a point of a map, or to music that is placed on it; no point moves.

    Args:
        kind: clips, tunes, titles, joint or pictures.
        row: the point's place in the columns of the map.
        music: instead of a row: a clip's id, or pieces/ID of the listener's studio.
        token: the listener's token, which music needs.

    Returns:
        Where it lies, its nearest points with their distances in the original space, for titles their tunes, for
        pictures the clips that they are tied to, and for clips the pictures.
    """
    if (row is None) == (music is None):
        raise NotAllowed("give a row of the map, or music to place on it; exactly one of the two")
    _, found = _newest(context, kind)
    if music is not None:
        place = listener_view.place_on(context.atlas, found, listener_of(context, token), music)
        return {"x": place.x, "y": place.y, "text": "", "neighbours": place.neighbours, "links": [], "tied": []}
    assert row is not None
    point = open_maps.point(found, row)
    x, y = found.drawn.places[row].tolist()
    tied = listener_view.tied(context.database, context.clip_store, found, row)
    return {
        "x": x, "y": y, "text": point.text, "neighbours": point.neighbours, "links": point.links, "tied": tied,
    }  # fmt: skip


def retrieval(
    context: Context,
    study: Annotated[str, Field(max_length=400)] = "",
    direction: Literal["title_to_melody", "melody_to_title"] = "title_to_melody",
    measure: Literal["mrr", "dcg", "ndcg", "recall_10", "mean_log_rank"] = "mrr",
) -> Retrieval:
    """Tell how well titles and melodies find each other, for the shipped model and in a study of others.

    Args:
        study: a study's name; the one that was logged to last where none is given.
        direction: title_to_melody or melody_to_title.
        measure: mrr, dcg, ndcg, recall_10 or mean_log_rank.

    Returns:
        The shipped model's figures with chance and intervals, the studies that there are, and the results of one.
    """
    from webapp.research import retrieval as research  # noqa: PLC0415 (pandas, which no listener needs)

    def work(session: Session) -> dict[str, Any]:
        studies = research.all_studies(session)
        chosen = next((each for each in studies if study in {"", each.name}), None)
        if study and chosen is None:
            raise NotAllowed(f"there is no study {study!r}; there are {[each.name for each in studies]}")
        frame = research.variants_frame(session, chosen, direction, measure)[0] if chosen else None
        results = json.loads(frame.to_json(orient="records")) if frame is not None else []  # NaN becomes null
        return {
            "studies": research.overview(session),
            "study": chosen.name if chosen else None,
            "results": results,
        }

    told: Any = {**asdict(title_search.overview(context.database)), **context.database.transaction(work)}
    return cast("Retrieval", told)


def find_title(context: Context, words: Words, limit: Limit = 8) -> title_search.FoundTunes:
    """Find the tunes whose melodies lie nearest to some words.

    Args:
        words: any words, read as a title; at most 120 letters.
        limit: how many tunes, 1 to 24.

    Returns:
        Points of the map of tunes, nearest first, each with its cosine with the words.
    """
    return title_search.find_tunes(context.atlas, words, limit)


def name_tune(context: Context, token: Token, music: SourceName, limit: Limit = 8) -> title_search.FoundTitles:
    """Find titles for a clip, or for a piece of the listener's studio.

    Args:
        token: the listener's token.
        music: a clip's id, or pieces/ID.
        limit: how many titles, 1 to 24.

    Returns:
        Points of the map of titles, nearest first, each with its cosine with the melody; and new titles, written
        letter by letter or put together from halves of known ones.
    """
    return title_search.name_music(context.atlas, listener_of(context, token), music, limit)


ENDPOINTS = (
    Endpoint("map", map_points, SLOW),
    Endpoint("neighbours", neighbours, SLOW),
    Endpoint("retrieval", retrieval, SLOW),
    Endpoint("find_title", find_title, SLOW),
    Endpoint("name_tune", name_tune, SLOW),
)
