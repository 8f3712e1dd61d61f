"""The words of the maps and titles pages, and the reference of the HTTP interface."""

from __future__ import annotations

from typing import Any

from webapp.listeners import accounts
from webapp.maps.catalogue import DrawingJob
from webapp.ui.pages import maps, titles


def test_the_time_left_is_told_no_more_exactly_than_it_is_known() -> None:
    for seconds, told in (
        (None, "working out how long it takes"),
        (12.0, "less than a minute left"),
        (62.0, "about a minute left"),
        (250.0, "about 4 minutes left"),
    ):
        assert maps.time_left(seconds) == told


def test_a_drawing_is_told_with_its_step_its_percent_and_the_time_left():
    told = maps._going(DrawingJob("running", "Drawing", 0.61, 130.0, None))
    assert 'value="61"' in told
    assert "Step 4 of 5: Drawing" in told
    assert "61 % · about 2 minutes left" in told
    assert maps._going(DrawingJob("done", "", 0.0, None, None)) == ""


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


def test_clips_are_coloured_by_meter_at_first_and_other_maps_by_their_first_colour():
    assert maps.first_colour("clips", ["source", "genre", "meter"]) == "meter"
    assert maps.first_colour("clips", ["source"]) == "source"
    assert maps.first_colour("tunes", ["genre", "meter"]) == "genre"
