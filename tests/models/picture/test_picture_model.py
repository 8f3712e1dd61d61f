"""The shipped picture model: latents are standard normal in groups, and pictures come back from them."""

import numpy as np
import pytest

from models.picture.attributes import DIMS, GROUPS
from models.picture.autoencoder import PictureBundle, load_pictures
from models.picture.reading import Pixels


@pytest.fixture(scope="module")
def shipped() -> PictureBundle:
    return load_pictures()


@pytest.fixture(scope="module")
def drawn() -> Pixels:
    """Coloured discs on white, of different sizes and places."""
    rng = np.random.default_rng(0)
    down, across = np.mgrid[:96, :96]
    found = np.full((12, 96, 96, 3), 255, np.uint8)
    for picture in found:
        middle = rng.integers(30, 66, 2)
        picture[np.hypot(down - middle[0], across - middle[1]) < rng.integers(12, 30)] = rng.integers(0, 200, 3)
    return found


def test_groups_cover_the_latents_without_overlap() -> None:
    assert [index for where in GROUPS.values() for index in range(DIMS)[where]] == list(range(DIMS))


def test_a_picture_comes_back_nearer_than_any_other(shipped: PictureBundle, drawn: Pixels) -> None:
    latents = shipped.encode(drawn)
    assert latents.shape == (12, DIMS)
    assert latents.dtype == np.float32
    back = shipped.decode(latents)
    assert back.shape == drawn.shape
    assert back.dtype == np.uint8
    apart = np.abs(back[:, None].astype(int) - drawn[None]).mean((2, 3, 4))
    assert (apart.argmin(1) == np.arange(12)).mean() > 0.9


def test_no_pictures_have_no_latents(shipped: PictureBundle) -> None:
    assert shipped.encode(np.zeros((0, 96, 96, 3), np.uint8)).shape == (0, DIMS)
    assert shipped.decode(np.zeros((0, DIMS), np.float32)).shape == (0, 96, 96, 3)


def test_the_styles_do_not_see_where_things_are(shipped: PictureBundle, drawn: Pixels) -> None:
    one, moved = shipped.encode(drawn), shipped.encode(np.ascontiguousarray(drawn[:, ::-1, ::-1]))
    for name in ("palette", "light", "line"):
        assert np.abs(one - moved)[:, GROUPS[name]].max() < 0.02
    assert np.abs(one - moved)[:, GROUPS["shape"]].max() > 0.5


def test_shape_does_not_see_brightness_and_contrast(shipped: PictureBundle, drawn: Pixels) -> None:
    dim = (drawn * 0.6 + 20).astype(np.uint8)
    one, dimmed = shipped.encode(drawn), shipped.encode(dim)
    assert np.abs(one - dimmed)[:, GROUPS["shape"]].max() < 0.1
    assert np.abs(one - dimmed)[:, GROUPS["light"]].mean() > 0.3
