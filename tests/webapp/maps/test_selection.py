from __future__ import annotations

import uuid

import numpy as np
import pytest

from models.atlas.points import DrawnMap, Points, packed
from models.atlas.projection import nearest
from models.music import corpora
from webapp.maps import listener_view
from webapp.maps.open_maps import OpenMap, selection

CLIP = f"clips/{uuid.uuid4()}"


@pytest.fixture(scope="module")
def found() -> OpenMap:
    """Real tunes, a composed clip, and a tune of a folder that nobody has said may be played."""
    pieces = corpora.load("oneills1850", limit=20)
    names = [f"tunes/{piece.piece_id}" for piece in pieces]
    names[0], names[1] = CLIP, "tunes/folder/mine"
    size = len(pieces)
    texts = [packed(piece) for piece in pieces]
    texts[1] = texts[1].replace('"source":"oneills1850"', '"source":"folder"')
    points = Points(
        ids=tuple(names),
        texts=tuple(piece.titles[0] for piece in pieces),
        vectors=np.random.default_rng(0).standard_normal((size, 4)).astype(np.float32),
        colours={
            "source": ("composed", *("collection",) * (size - 1)),
            "genre": ("", *("jig",) * 9, *("reel",) * (size - 10)),
        },
        pieces=tuple(texts),
        terms=("free",) * size,
    )
    places = np.ascontiguousarray(points.vectors[:, :2])
    return OpenMap(uuid.uuid4(), DrawnMap(points, places, nearest(points.vectors, 4), {"kind": "clips"}))


def test_a_selection_says_what_it_has_more_of_than_the_whole_map(found):
    told = selection(found, [9, 2, 3, 4, 10, 10])
    assert told.rows == [2, 3, 4, 9, 10]
    jigs = next(each for each in told.labels if each.label == "jig")
    assert (jigs.colour, jigs.share, jigs.usual) == ("genre", 0.8, 9 / 20)
    assert "reel" not in {each.label for each in told.labels}  # rarer here than elsewhere


def test_what_is_hidden_or_not_on_the_map_is_not_selected(found):
    assert selection(found, [1, 2, 500, -4], hidden=[1]).rows == [2]
    assert selection(found, []).labels == []


def test_a_composed_clip_is_of_no_unknown_genre(found):
    assert found.colours["genre"][:2] == ("composed", "jig")


def test_the_studio_starts_from_clips_and_from_collections_that_may_be_played_and_from_nothing_else(found):
    assert listener_view.name_of(found, 0) == CLIP
    assert listener_view.name_of(found, 1) is None
    name = listener_view.name_of(found, 2)
    assert name is not None
    kind, corpus, number = name.split("/", 2)
    assert (kind, corpus) == ("tunes", "oneills1850")
    assert found.drawn.points.ids[2] == f"tunes/{corpus}/{number}"
