"""Short films of the drawings that come with Kallos."""

from __future__ import annotations

import numpy as np
import pytest

from models.picture.drawings import Drawings, load_drawings
from models.picture.shorts import FADE_S, SHORTS, Scene, Short, Shown
from models.picture.vector import rendered


@pytest.fixture(scope="module")
def drawings() -> Drawings:
    return load_drawings()


@pytest.mark.parametrize("name", SHORTS)
def test_every_film_has_its_drawings_and_moves_in_each_scene(drawings: Drawings, name: str) -> None:
    shown = Shown.of(SHORTS[name], drawings)
    film = shown.film()
    assert film.seconds == pytest.approx(SHORTS[name].seconds)
    assert len(film.cuts_s) == len(SHORTS[name].scenes) - 1
    moved = np.abs(np.diff(film.frames.astype(float), axis=0)).mean((1, 2, 3))
    for start, end in zip([0.0, *film.cuts_s], [*film.cuts_s, film.seconds], strict=True):
        inside = (film.times_s[1:] > start + FADE_S) & (film.times_s[1:] < end)
        assert moved[inside].max() > 0.2


def test_half_of_a_fade_is_half_of_either_paper(drawings: Drawings) -> None:
    still = (0.5, 0.5, 0.1)
    scenes = (
        Scene("animals/bee_", "#000000", 2.0, still, still),
        Scene("animals/bee_", "#ffffff", 2.0, still, still, True),
    )
    shown = Shown.of(Short("two", scenes), drawings)
    corners = [int(rendered(shown.svg(time_s), 32)[0, 0, 0]) for time_s in (1.9, 2.0 + FADE_S / 2, 3.5)]
    assert corners[::2] == [0, 255]
    assert abs(corners[1] - 127) <= 2


def test_a_drawing_that_is_not_there_is_named(drawings: Drawings) -> None:
    lost = Short("lost", (Scene("animals/unicorn", "#ffffff", 2.0, (0.5, 0.5, 1.0), (0.5, 0.5, 1.0)),))
    with pytest.raises(ValueError, match="unicorn"):
        Shown.of(lost, drawings)
