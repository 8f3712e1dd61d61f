from __future__ import annotations

import pytest

from models.atlas.points import load_shipped_map
from webapp.maps import catalogue, drawing, open_maps


def test_a_new_installation_has_the_maps_of_its_models_and_keeps_them_once(context):
    here = ["tunes", "titles", "joint", "pictures"]  # the style model of tests is another one
    assert drawing.keep_shipped(context.atlas) == here
    assert drawing.keep_shipped(context.atlas) == []
    first, *others = catalogue.overview(context.database)
    assert first.map is None
    for found in others:
        drawn = load_shipped_map(found.kind)
        assert found.map is not None
        assert drawn is not None
        assert found.map.shipped
        assert (found.map.points, found.map.commit) == (len(drawn.points), drawn.about["commit"])


@pytest.mark.slow
def test_a_map_that_was_drawn_here_stays_the_newest_of_its_kind(context):
    drawing.keep_shipped(context.atlas)
    drawn = load_shipped_map("titles")
    assert drawn is not None
    assert catalogue.overview(context.database)[2].map.shipped
    own = drawing.store(context.atlas, "titles", drawn.about["model_version"], 7, drawn)
    assert drawing.keep_shipped(context.atlas) == []
    assert catalogue.overview(context.database)[2].map.map_id == own


@pytest.mark.slow
def test_a_point_of_a_shipped_map_sounds(context):
    drawing.keep_shipped(context.atlas)
    entry = next(each for each in catalogue.overview(context.database) if each.kind == "titles")
    found = open_maps.opened(context.database, context.clip_store, entry.map.map_id)
    assert open_maps.notes(found, 3).notes
