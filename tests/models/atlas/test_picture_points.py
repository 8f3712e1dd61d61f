"""A map of pictures: seen by category, and tied to the music of a map of clips."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.atlas.picture_points import (
    TIED,
    by_rank,
    gather_pictures,
    measured_music,
    measured_pictures,
    quantiles,
    tie,
)
from models.atlas.points import SHIPPED, DrawnMap, Material, Points, load_shipped_map
from models.atlas.projection import nearest
from models.music.notes import MusicError
from models.picture.autoencoder import load_pictures
from models.picture.drawings import load_drawings
from models.picture.reading import read_folder

MANY = 16


@pytest.fixture(scope="module")
def music() -> Points:
    found = load_shipped_map("clips")
    assert found is not None
    return found.points


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Pictures of some shipped drawings, in a folder for each category."""
    folder, known = tmp_path_factory.mktemp("pictures"), load_drawings()
    for row in range(0, len(known.names), len(known.names) // (2 * MANY)):
        path = folder / f"{known.names[row]}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(known.drawings[row].pixels()).save(path)
    return folder


@pytest.fixture(scope="module")
def material(folder, music) -> Material:
    return gather_pictures(folder, music, limit=MANY, terms="ours")


def test_each_picture_has_the_pieces_whose_sides_lie_nearest_to_what_is_seen(folder, material, music):
    points = material.points
    rows, measured = measured_music(music)
    heard = by_rank(measured, material.about["music"]["quantiles"])
    assert np.abs(heard.mean(0)).max() < 0.1
    assert np.allclose(heard.std(0), 1, atol=0.1)
    pixels = {f"pictures/{each.path}": each.pixels for each in read_folder(folder).pictures}
    seen = measured_pictures(np.stack([pixels[name] for name in points.ids]))
    assert material.model_version == load_pictures().version
    assert len(points) == MANY
    for row in range(MANY):
        tied = [rows[each] for each in tie(seen, heard)[row, :TIED]]
        assert points.tied[row] == tuple(music.ids[each] for each in tied)
        assert points.pieces[row] == music.pieces[tied[0]]
    brightest = int(np.argmax(seen[:, 0]))
    darkest = int(np.argmin(seen[:, 0]))
    pitch = [DrawnMap(points, points.vectors[:, :2], nearest(points.vectors, 3)).piece(row).notes[:, 2].mean()
             for row in (brightest, darkest)]  # fmt: skip
    assert pitch[0] > pitch[1]


def test_no_piece_is_tied_to_a_crowd_of_pictures():
    points = load_shipped_map("pictures").points
    first = Counter(each[0] for each in points.tied)
    assert max(first.values()) < 0.1 * len(points)
    assert len(first) > 60


def test_a_crowd_of_pictures_is_spread_over_the_music():
    random = np.random.default_rng(0)
    crowd = random.exponential(size=(300, 4)) * (random.random((300, 4)) < 0.6)  # many at the very lowest
    music = random.standard_normal((60, 4))

    def most(first: np.ndarray) -> int:
        return int(np.bincount(first, minlength=len(music)).max())

    seen, heard = (by_rank(each, quantiles(each)) for each in (crowd, music))
    standard = [(each - each.mean(0)) / each.std(0) for each in (crowd, music)]
    far, ranked = (np.linalg.norm(one[:, None] - other[None], axis=2) for one, other in (standard, (seen, heard)))
    spread = most(tie(seen, heard)[:, 0])
    assert spread < 0.7 * most(far.argmin(axis=1))
    assert spread <= most(ranked.argmin(axis=1))
    assert np.array_equal(tie(heard, heard)[:, 0], np.arange(len(heard)))


def test_categories_are_words():
    assert not any("_" in name for name in load_shipped_map("pictures").points.colours["category"])


def test_a_map_of_pictures_comes_back_from_its_file_with_them(material):
    points = replace(material.points, colours={"category": ("a", "b") * (MANY // 2)})
    file = DrawnMap(points, points.vectors[:, :2], nearest(points.vectors, 3), {"kind": "pictures"}).to_parquet()
    found = DrawnMap.from_parquet(file).points
    assert (found.thumbnails, found.tied, found.colours) == (points.thumbnails, points.tied, points.colours)
    assert np.array_equal(found.measures, points.measures)
    assert Image.open(io.BytesIO(found.thumbnails[3])).size == (96, 96)


def test_without_pictures_or_music_the_error_says_what_to_do(tmp_path, music):
    with pytest.raises(MusicError, match="KALLOS_CORPORA/pictures"):
        gather_pictures(tmp_path, music)
    with pytest.raises(MusicError, match="draw that map first"):
        measured_music(replace(music, pieces=('{"corpus": ""}',) * len(music)))


def test_the_shipped_map_has_a_picture_and_known_music_at_every_point(music):
    found = load_shipped_map("pictures")
    assert found is not None
    points = found.points
    assert found.about["model_version"] == load_pictures().version
    assert len(points.thumbnails) == len(points) >= 500
    assert len(set(points.colours["category"])) > 10
    assert {each for some in points.tied for each in some} <= set(music.ids)
    shares = Counter(some[0] for some in points.tied)
    assert max(shares.values()) < len(points) / 3  # no piece is everybody's
    assert all(Image.open(io.BytesIO(each)).format == "WEBP" for each in points.thumbnails[::50])
    assert (SHIPPED / "pictures.parquet").stat().st_size < 4_000_000
