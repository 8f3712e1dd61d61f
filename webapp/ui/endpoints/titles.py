"""Endpoints of titles: words to tunes, and music to titles; loose inspiration, and chance is told beside it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from webapp.context import Context
from webapp.maps import title_search
from webapp.ui.endpoints.endpoint import SLOW, Endpoint, SourceName, Token
from webapp.ui.handlers import listener_of

Words = Annotated[str, Field(min_length=1, max_length=120)]
Limit = Annotated[int, Field(ge=1, le=24)]


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
        Points of the map of titles, nearest first, each with its cosine with the melody.
    """
    return title_search.name_music(context.atlas, listener_of(context, token), music, limit)


ENDPOINTS = (Endpoint("find_title", find_title, SLOW), Endpoint("name_tune", name_tune, SLOW))
