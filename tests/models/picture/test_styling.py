"""A drawing in another's palette, light and line; in its own it stays as it is."""

from dataclasses import replace

import numpy as np
import pytest

from models.picture.attributes import GROUPS, attributes_of
from models.picture.drawings import (
    FEWEST,
    FLATTEST,
    MOST_PALE,
    PLAIN,
    UNWATCHED,
    Colours,
    Drawings,
    from_lab,
    load_drawings,
    looks_of,
    pale_share,
    to_lab,
)
from models.picture.vector import GRID


@pytest.fixture(scope="module")
def shipped() -> Drawings:
    return load_drawings()


def swapped(shipped: Drawings, row: int, donor: int, group: str) -> np.ndarray:
    latents = shipped.latents[row].copy()
    latents[GROUPS[group]] = shipped.latents[donor][GROUPS[group]]
    return latents


def test_oklab_is_the_published_one_and_comes_back() -> None:
    assert to_lab([1.0, 0.0, 0.0]) == pytest.approx([0.62796, 0.22486, 0.12585], abs=1e-4)
    colours = np.random.default_rng(0).random((50, 3))
    assert from_lab(to_lab(colours)) == pytest.approx(colours, abs=1e-6)


def test_the_latents_of_a_drawing_give_it_back_as_it_is(shipped: Drawings) -> None:
    for row in range(0, len(shipped.names), 97):
        found = shipped.decode(shipped.latents[row])
        assert found.shapes is shipped.drawings[row].shapes
        assert found.colours == pytest.approx(shipped.drawings[row].colours, abs=0.02)
        assert found.line == pytest.approx(0, abs=0.05)
        assert shipped.decode(shipped.latents[row].copy()) is found  # what was measured is shown: made once


def test_a_subject_is_found_by_its_shape_whatever_its_styles(shipped: Drawings) -> None:
    rng = np.random.default_rng(0)
    for row in range(0, len(shipped.names), 97):
        latents = rng.standard_normal(shipped.latents.shape[1])
        latents[GROUPS["shape"]] = shipped.latents[row][GROUPS["shape"]]
        assert shipped.subject(latents) == row


@pytest.mark.slow
def test_a_palette_and_a_light_are_measured_as_their_donors(shipped: Drawings) -> None:
    rng = np.random.default_rng(1)
    rows, donors = rng.permutation(len(shipped.names))[:120].reshape(2, 60)
    for group, of in (("palette", 2), ("light", 3), ("light", 4)):
        found = [shipped.decode(swapped(shipped, row, donor, group)) for row, donor in zip(rows, donors, strict=True)]
        measured = np.array([looks_of(each)[of] for each in found])
        assert np.corrcoef(measured, shipped.looks[donors, of])[0, 1] > 0.8


def test_a_little_ink_in_a_dark_light_stands_on_a_dark_ground(shipped: Drawings) -> None:
    light = shipped.looks[:, 3]
    row, donor = int(light.argmax()), int(light.argmin())
    found = shipped.decode(swapped(shipped, row, donor, "light"), row)
    assert shipped.drawings[row].ground == 1.0
    assert 0.5 <= found.ground <= 0.96
    pixels = found.pixels()
    assert pixels[0, 0].min() == 255  # around it is white
    assert looks_of(found)[3] < light[row] - 0.8 * (light[row] - light[donor])


def test_lines_follow_their_donors(shipped: Drawings) -> None:
    rng = np.random.default_rng(1)
    rows, donors = rng.permutation(len(shipped.names))[:120].reshape(2, 60)
    found = [shipped.decode(swapped(shipped, row, donor, "line")) for row, donor in zip(rows, donors, strict=True)]
    edges = np.log(attributes_of(np.stack([each.pixels() for each in found]))["line"])
    known = shipped.edges[:, *PLAIN]
    for kind in (0, 1):  # fine and coarse ones
        assert np.corrcoef(edges[:, kind], known[donors, kind])[0, 1] > 0.6
    busy, bare, row = (int(np.argsort(known[:, 0])[at]) for at in (-1, 0, len(known) // 2))
    assert shipped.decode(swapped(shipped, row, busy, "line")).line > 0.2
    assert shipped.decode(swapped(shipped, row, bare, "line")).line < -0.2


def test_shipped_drawings_lie_within_the_grid_and_have_paths_alone(shipped: Drawings) -> None:
    assert 900 <= len(shipped.names) <= 1000
    for drawing in shipped.drawings[::50]:
        points = np.concatenate([shape.points for shape in drawing.shapes])
        assert np.percentile(points, 5) > -GRID / 2
        assert replace(drawing, line=0.5).pixels().shape == (96, 96, 3)


def test_what_is_watched_for_long_is_neither_a_sign_nor_pale(shipped: Drawings) -> None:
    watched = shipped.rich()
    assert FEWEST <= len(watched.names) < len(shipped.names) / 2
    assert not {name.partition("/")[0] for name in watched.names} & UNWATCHED
    assert {"animals", "plants", "food"} <= {name.partition("/")[0] for name in watched.names}
    assert max(pale_share(each) for each in watched.drawings) <= MOST_PALE
    cards = [row for row, name in enumerate(shipped.names) if "/ornamental" in name]
    assert cards
    assert min(pale_share(shipped.drawings[row]) for row in cards) > MOST_PALE


def test_of_drawings_that_are_all_signs_all_are_watched(shipped: Drawings) -> None:
    names = tuple(f"signs_and_symbols/{number}" for number in range(len(shipped.names)))
    signs = replace(shipped, names=names)
    assert signs.rich() is signs


def test_what_moves_stays_in_colour_whatever_is_asked_for(shipped: Drawings) -> None:
    watched, rng = shipped.rich(), np.random.default_rng(0)
    for subject in rng.permutation(len(watched.names))[:12].tolist():
        own = Colours.of(watched.drawings[subject])
        hued = np.hypot(own.lab[:-1, 1], own.lab[:-1, 2]) > 0.1
        for each in watched.along(subject, 1.5 * rng.standard_normal((3, watched.latents.shape[1]))):
            lab = Colours.of(each).lab[:-1]
            chroma = np.hypot(lab[:, 1], lab[:, 2])[hued]
            if len(chroma):
                assert np.median(chroma) > 0.03
            assert each.line >= FLATTEST
