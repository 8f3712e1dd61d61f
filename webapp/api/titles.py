"""The HTTP interface of the titles page, under ``/api/titles``: words to tunes, music to titles, and their odds."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from webapp.api.dependencies import ERRORS, Known, TheContext
from webapp.maps import title_search

router = APIRouter(prefix="/api/titles", tags=["titles"])
Limit = Annotated[int, Query(ge=1, le=24)]


@router.get("", responses=ERRORS)
def read_titles(context: TheContext, response: Response) -> title_search.TitleTowers:
    """The measured odds, and whether there are maps to answer from."""
    response.headers["Cache-Control"] = "no-store"
    return title_search.overview(context.database)


@router.get("/tunes", responses=ERRORS)
def find_tunes(
    context: TheContext, words: Annotated[str, Query(min_length=1, max_length=120)], limit: Limit = 8
) -> title_search.FoundTunes:
    """The tunes whose melodies lie nearest to any words."""
    return title_search.find_tunes(context.atlas, words, limit)


@router.get("/ideas/{kind}/{source_id}", responses=ERRORS)
def name_music(
    kind: Literal["clips", "pieces"], source_id: uuid.UUID, context: TheContext, listener_id: Known, limit: Limit = 8
) -> title_search.FoundTitles:
    """Titles for a clip or for a piece of the listener's studio (a file is brought to ``/api/studio/uploads``)."""
    return title_search.name_music(context.atlas, listener_id, f"{kind}/{source_id}", limit)
