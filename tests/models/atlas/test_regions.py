from __future__ import annotations

import numpy as np
import pytest

from models.atlas.regions import Terrain, name, terrain


def crowd(x: float, y: float, size: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal((x, y), 0.12, (size, 2))


@pytest.fixture(scope="module")
def found() -> Terrain:
    places = np.concatenate([crowd(0, 0, 300, 0), crowd(0.9, 0.1, 200, 1), crowd(7, 6, 40, 2), [[-30.0, 0.0]]])
    labels = ("reel",) * 300 + ("jig",) * 200 + ("air",) * 40 + ("",)
    modes = ("major", "minor") * 270 + ("",)
    return terrain(places.astype(np.float32), {"genre": labels, "mode": modes}, ("",) * 541)


def test_each_crowd_is_a_region_that_is_named_by_what_is_typical_of_it(found):
    assert [region.name for region in found.regions] == ["reel", "jig", "air"]
    assert [(round(region.x), round(region.y)) for region in found.regions] == [(0, 0), (1, 0), (7, 6)]


def test_a_far_crowd_is_an_island_of_its_own_and_a_single_point_is_none(found):
    assert min(box.size for box in found.islands) == 40
    assert all(box.left > -2 for box in found.islands)
    assert sum(box.size for box in found.islands) == 540


def test_a_second_label_is_told_only_where_it_adds_something():
    genre = ("jig",) * 50 + ("reel",) * 50
    meter = ("6/8",) * 50 + ("4/4",) * 50
    mode = (("minor",) * 20 + ("major",) * 30) * 2
    assert name(np.arange(20), {"genre": genre, "meter": meter, "mode": mode}) == "minor, jig"
    assert name(np.arange(50), {"genre": genre, "meter": meter}) == "jig"


def test_a_word_that_titles_share_names_a_region_and_a_small_word_does_not():
    titles = [f"The lady {number}" for number in range(20)] + [f"The march of {number}" for number in range(80)]
    assert name(np.arange(20), {"mode": ("major",) * 100}, titles) == "“lady”"


def test_where_nothing_sets_a_region_apart_it_is_called_by_its_commonest_label():
    assert name(np.arange(50), {"mode": ("major",) * 90 + ("minor",) * 10}) == "major"
