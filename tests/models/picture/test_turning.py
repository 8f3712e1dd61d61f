"""The shipped picture model's dials: what is asked for comes, and what an attribute doesn't speak of stays."""

from __future__ import annotations

import numpy as np
import pytest

from models.picture.attributes import GROUPS
from models.picture.autoencoder import load_pictures
from models.picture.drawing import BESIDE, NAMES, PictureDrawing, Slopes, latents_of, vector
from models.picture.drawings import load_drawings
from models.style.latents import MEASURED, Latents
from models.taste.readouts import PICTURE_ATTRIBUTES, PICTURE_DIALS

pytestmark = pytest.mark.slow

PICTURES = 16
LEAST = 0.5  # of a standard deviation that is asked for, mean over pictures


@pytest.fixture(scope="module")
def drawing() -> PictureDrawing:
    return PictureDrawing(load_pictures(), load_drawings())


@pytest.fixture(scope="module")
def slopes(drawing: PictureDrawing) -> Slopes:
    return Slopes.load(drawing.pictures.folder, drawing.pictures.version)


@pytest.fixture(scope="module")
def drawn(drawing: PictureDrawing) -> list[Latents]:
    return drawing.draw(PICTURES, 77)


@pytest.mark.parametrize("by", [-1.0, 1.0])
def test_a_grey_picture_is_tinted_where_warmth_is_asked_for(drawing, slopes, by: float) -> None:
    looks, place = drawing.drawings.looks, NAMES.index("warmth")
    greys = drawing.drawings.latents[looks[:, 2] < 0.005][: 3 * PICTURES : 3]
    seen = drawing.measure([latents_of(row, drawing.pictures.version) for row in greys])
    moved = [
        by * (slopes.turned(drawing, each, {"warmth": by}).piece[MEASURED]["warmth"] - each.piece[MEASURED]["warmth"])
        for each in seen
    ]
    assert np.mean(moved) > LEAST * slopes.sd[place]


@pytest.mark.parametrize("by", [-1.0, 1.0])
@pytest.mark.parametrize("name", PICTURE_DIALS)
def test_every_dial_turns_both_ways(drawing, slopes, drawn, name: str, by: float) -> None:
    place = NAMES.index(name)
    turned = [slopes.turned(drawing, each, {name: by}) for each in drawn]
    moved = [
        by * (new.piece[MEASURED][name] - old.piece[MEASURED][name]) / slopes.sd[place]
        for new, old in zip(turned, drawn, strict=True)
    ]
    assert np.mean(moved) > LEAST
    moving = {PICTURE_ATTRIBUTES[name], *BESIDE.get(name, ())}
    for new, old in zip(turned, drawn, strict=True):
        changed = {group for group, where in GROUPS.items() if (vector(new)[where] != vector(old)[where]).any()}
        assert changed <= moving
