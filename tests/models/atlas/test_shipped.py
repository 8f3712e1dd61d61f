"""Maps that come with the weights: small, of the models that are shipped, and every point of them plays."""

from dataclasses import replace

import numpy as np
import pytest

from models.atlas.points import KINDS, SHIPPED_NEIGHBOURS, DrawnMap, load_shipped_map, packed, rounded, ship
from models.atlas.projection import nearest
from models.music import corpora, played
from models.picture.autoencoder import load_pictures
from models.style.bundle import SHIPPED_STYLE, read_card
from models.title.two_tower import load_towers
from tests.models.atlas.test_points import some


@pytest.fixture(scope="module")
def maps() -> dict[str, DrawnMap]:
    return {kind: found for kind in KINDS if (found := load_shipped_map(kind))}


def test_they_are_of_the_models_that_are_shipped(maps):
    towers = load_towers().version
    assert {kind: found.about["model_version"] for kind, found in maps.items()} == {
        "clips": read_card(SHIPPED_STYLE)["version"], "tunes": towers, "titles": towers, "joint": towers,
        "pictures": load_pictures().version,
    }  # fmt: skip


@pytest.mark.slow
def test_their_points_play_and_only_music_that_everybody_has_is_named(maps):
    shipped_corpora = [corpora.CORPORA[name] for name in played.PLAYED if corpora.CORPORA[name].shipped]
    for kind, found in maps.items():
        for row in range(0, len(found.points), 400):
            assert len(found.piece(row).notes)
        assert not any(name.startswith("clips/") for name in found.points.ids)  # which no other installation has
        if kind != "pictures":  # which are tied to music that is written out
            assert sum('"corpus"' in text for text in found.points.pieces) > 0.9 * len(found.points)
    named = [name.removeprefix("tunes/") for name in maps["tunes"].points.ids]
    assert set(named) <= {
        f"{corpus.name}/{piece.name}"
        for corpus in shipped_corpora
        for file in corpus.files()
        for piece in corpus.read(file)
    }


@pytest.mark.slow
def test_a_shipped_map_is_the_drawn_one_without_what_everybody_has(tmp_path):
    tunes = corpora.load("airdsAirs", limit=30)[:30]
    points = some(30)
    excerpts = [piece.window(0, 4) for piece in tunes]
    own = replace(
        points,
        ids=("clips/mine", *(f"tunes/{piece.piece_id}" for piece in tunes[1:])),
        pieces=tuple(map(packed, excerpts)),
    )
    before = DrawnMap(own, points.vectors[:, :2], nearest(points.vectors, 12), {"kind": "tunes", "seed": 3})
    ship({"tunes": before}, {piece.piece_id: piece for piece in tunes}, tmp_path)
    after = load_shipped_map("tunes", tmp_path)
    assert after is not None
    assert after.points.ids[0] == "composed/mine"
    assert after.points.pieces[0] == own.pieces[0]  # nobody else has it
    assert "notes" not in after.points.pieces[1]
    assert [packed(after.piece(row)) for row in range(30)] == list(own.pieces)
    assert np.array_equal(after.neighbours.index, before.neighbours.index[:, :SHIPPED_NEIGHBOURS])
    assert np.allclose(after.points.vectors, own.vectors, atol=0.02)
    assert after.about["seed"] == 3
    assert load_shipped_map("clips", tmp_path) is None


def test_a_rounded_matrix_has_few_values_and_the_same_extremes():
    vectors = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    found = rounded(vectors)
    assert len(np.unique(found)) < 192
    assert np.isclose(np.abs(found).max(), np.abs(vectors).max())
