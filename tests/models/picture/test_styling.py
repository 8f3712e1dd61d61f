"""A drawing in another's palette, light and line; in its own it stays as it is."""

from dataclasses import replace

import numpy as np
import pytest

from models.picture.attributes import GROUPS
from models.picture.drawings import LINES, Drawings, from_lab, load_drawings, to_lab
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


def test_a_subject_is_found_by_its_shape_whatever_its_styles(shipped: Drawings) -> None:
    rng = np.random.default_rng(0)
    for row in range(0, len(shipped.names), 97):
        latents = rng.standard_normal(shipped.latents.shape[1])
        latents[GROUPS["shape"]] = shipped.latents[row][GROUPS["shape"]]
        assert shipped.subject(latents) == row


def test_a_palette_and_a_light_are_measured_as_their_donors(shipped: Drawings) -> None:
    rng = np.random.default_rng(1)
    rows, donors = rng.permutation(len(shipped.names))[:120].reshape(2, 60)
    known = np.array([each.measured() for each in shipped.styles.colours])
    for group, of in (("palette", 2), ("light", 3)):
        found = [shipped.decode(swapped(shipped, row, donor, group)) for row, donor in zip(rows, donors, strict=True)]
        measured = np.array([type(shipped.styles.colours[0]).of(each).measured()[of] for each in found])
        plain = np.corrcoef(known[rows, of], known[donors, of])[0, 1]
        assert np.corrcoef(measured, known[donors, of])[0, 1] > max(0.5, plain + 0.3)


def test_a_line_follows_its_donor(shipped: Drawings) -> None:
    plain = shipped.edges[:, LINES.index(0.0)]
    busy, bare, row = int(plain.argmax()), int(plain.argmin()), int(np.argsort(plain)[len(plain) // 2])
    assert shipped.decode(swapped(shipped, row, busy, "line")).line > 0.2
    assert shipped.decode(swapped(shipped, row, bare, "line")).line < -0.2


def test_shipped_drawings_lie_within_the_grid_and_have_paths_alone(shipped: Drawings) -> None:
    assert 900 <= len(shipped.names) <= 1000
    for drawing in shipped.drawings[::50]:
        points = np.concatenate([shape.points for shape in drawing.shapes])
        assert np.percentile(points, 5) > -GRID / 2
        assert replace(drawing, line=0.5).pixels().shape == (96, 96, 3)
