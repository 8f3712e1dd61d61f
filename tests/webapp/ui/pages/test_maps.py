"""The words of the maps and titles pages, and the reference of the HTTP interface."""

from __future__ import annotations

from typing import Any

from webapp.listeners import accounts
from webapp.ui.pages import maps, titles


def test_where_there_is_no_map_the_page_offers_to_draw_one(context):
    token = context.identity.token(accounts.create(context.database))
    _, empty, command, room, *_ = maps.opened(context, token, {"kind": "clips"})
    assert (empty["visible"], room["visible"]) == (True, False)
    assert "-m webapp atlas draw clips" in command


def test_a_search_without_words_clears_what_was_found() -> None:
    for words in (None, "", "   "):
        nothing: Any = None
        tunes, said, address = titles.find_tunes(nothing, words)
        assert tunes == []
        assert "Type a word" in said
        assert address == {"words": ""}
