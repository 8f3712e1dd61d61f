"""The HTTP interface of the titles page, under ``/api/titles``: words to tunes, music to titles, and their odds."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from webapp.api.listening import ERRORS, Known, TheContext
from webapp.api.maps import Point
from webapp.maps import titles

router = APIRouter(prefix="/api/titles", tags=["titles"])
Limit = Annotated[int, Query(ge=1, le=24)]


class Titles(BaseModel):
    """Which towers answer, how often they are right (way → measure → value, low, high, chance, n), what is ready.

    Ways: ``title_to_melody``, ``melody_to_title``; measures: ``mrr``, ``recall_1``, ``recall_10``, ``median_rank``.
    """

    model_version: str
    odds: dict[str, Any] | None
    ready: dict[str, bool]


class Found(Point):
    """A point of a map and its cosine with what was asked."""

    map_id: uuid.UUID
    cosine: float


class Tunes(BaseModel):
    """The tunes nearest to some words."""

    words: str
    results: list[Found]


class Ideas(BaseModel):
    """The titles nearest to some music; each plays the tune that bears it."""

    name: str
    results: list[Found]


@router.get("", responses=ERRORS)
def read_titles(context: TheContext, response: Response) -> Titles:
    """The measured odds, and whether there are maps to answer from."""
    response.headers["Cache-Control"] = "no-store"
    return Titles.model_validate(titles.overview(context.database))


@router.get("/tunes", responses=ERRORS)
def find_tunes(
    context: TheContext, words: Annotated[str, Query(min_length=1, max_length=120)], limit: Limit = 8
) -> Tunes:
    """The tunes whose melodies lie nearest to any words."""
    return Tunes.model_validate(titles.tunes(context.database, context.clip_store, context.generation, words, limit))


@router.get("/ideas/{kind}/{source_id}", responses=ERRORS)
def find_ideas(
    kind: Literal["clips", "pieces"], source_id: uuid.UUID, context: TheContext, listener_id: Known, limit: Limit = 8
) -> Ideas:
    """Titles for a clip or for a piece of the listener's studio (a file is brought to ``/api/studio/uploads``)."""
    return Ideas.model_validate(
        titles.ideas(
            context.database, context.clip_store, context.generation, listener_id, f"{kind}/{source_id}", limit
        )
    )
