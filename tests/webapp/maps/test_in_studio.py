from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from db.tables import PICTURES
from webapp.composing import media
from webapp.listeners import accounts
from webapp.maps import catalogue, drawing, listener_view, open_maps
from webapp.runtime.errors import NotYours
from webapp.studio import pictures, pieces
from webapp.ui.pages import map_point

pytestmark = pytest.mark.slow

ROW = 7


@pytest.fixture
def shown(context):
    """The shipped map of pictures, as the page has it."""
    drawing.keep_shipped(context.atlas)
    entry = next(each for each in catalogue.overview(context.database) if each.kind == PICTURES)
    added = {"hidden": [], "added": [], "utility": [], "sd": [], "votes": 0}
    return {"map_id": entry.map.map_id, "kind": PICTURES, **added}


def test_it_is_the_picture_that_opens_and_is_kept_once(context, shown):
    listener = accounts.create(context.database)
    token = context.identity.token(listener)
    address, said = map_point.open_in_studio(context, token, shown, [{"row": ROW}])
    assert said == ""
    name = f"pieces/{address.removeprefix('studio?piece=')}"
    piece = pieces.open_piece(context.studio, listener, name)
    assert piece.domain == PICTURES
    found = open_maps.opened(context.database, context.clip_store, shown["map_id"])
    assert piece.title == found.drawn.points.texts[ROW]
    source = pieces.source_of(context.studio, listener, name)
    thumbnail = found.drawn.points.thumbnails[ROW]
    drawn, seen = (
        np.asarray(Image.open(io.BytesIO(png)).convert("L").resize((96, 96)), dtype=float)
        for png in (media.as_png(pictures.image(context.generation, source)), thumbnail)
    )
    assert np.corrcoef(drawn.ravel(), seen.ravel())[0, 1] > 0.5
    assert map_point.open_in_studio(context, token, shown, [{"row": ROW}]) == [address, ""]


def test_both_ways_are_offered_where_the_music_may_be_played(context, shown):
    found = open_maps.opened(context.database, context.clip_store, shown["map_id"])
    row = next(
        number
        for number in range(len(found.drawn.points))
        if map_point._studio_name(context, shown, number) is not None
    )
    of_picture, of_music = map_point._chosen(context, shown, row, play=False)[5:7]
    assert of_picture["visible"]
    assert of_music["visible"]
    listener = accounts.create(context.database)
    address, said = map_point.open_music_in_studio(context, context.identity.token(listener), shown, [{"row": row}])
    assert said == ""
    assert pieces.open_piece(context.studio, listener, f"pieces/{address.removeprefix('studio?piece=')}").notes


def test_a_map_of_music_has_no_picture_to_open(context, shown):
    entry = next(each for each in catalogue.overview(context.database) if each.kind == "titles")
    found = open_maps.opened(context.database, context.clip_store, entry.map.map_id)
    with pytest.raises(NotYours, match="no pictures"):
        listener_view.picture_address(context.studio, accounts.create(context.database), found, 3)
    buttons = map_point._chosen(context, {**shown, "map_id": entry.map.map_id, "kind": "titles"}, 3, play=False)[5:7]
    assert not buttons[1]["visible"]
