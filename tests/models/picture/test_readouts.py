import numpy as np
import pytest

from models.picture import drawing, readouts
from models.picture.film import SIDE, Film, Pictures


def plain(*colour: int) -> Pictures:
    found = np.empty((SIDE, SIDE, 3), dtype=np.uint8)
    found[:] = colour
    return found


def with_square(side: int) -> Pictures:
    found = plain(255, 255, 255)
    found[10 : 10 + side, 10 : 10 + side] = (0, 60, 0)
    return found


def test_each_readout_says_what_its_name_says() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    black, white, red, blue, small, large, busy = readouts.of_pictures(
        np.stack(
            [
                plain(0, 0, 0),
                plain(255, 255, 255),
                plain(255, 0, 0),
                plain(0, 0, 255),
                with_square(20),
                with_square(60),
                noise,
            ]
        )
    )
    assert (black[0], white[0]) == pytest.approx((0, 1))
    assert red[1] == pytest.approx(1)
    assert blue[1] == pytest.approx(-1)
    assert busy[2] > 10 * large[2] > white[2] == 0
    assert small[3] == pytest.approx(400 / SIDE**2)
    assert large[3] == pytest.approx(3600 / SIDE**2)


def test_a_cut_is_no_motion() -> None:
    frames = np.stack([plain(20, 20, 20)] * 6 + [plain(240, 240, 240)] * 6)
    times = np.arange(12) / 6
    cut = readouts.of_film(Film(frames, times, np.array([1.0]), 2.0))
    uncut = readouts.of_film(Film(frames, times, np.array([]), 2.0))
    assert cut[:, 4].max() == 0
    assert uncut[:, 4].max() > 1


def test_a_still_film_asks_for_nothing_but_its_level() -> None:
    values = np.tile([0.2, 0.0, 0.03, 0.4, 0.0], (10, 1))
    found = readouts.standardised(values)
    assert (found == found[0]).all()
    assert found[0, 0] < -0.5


def test_ink_is_how_far_pixels_are_from_the_background() -> None:
    some = np.stack([plain(255, 255, 255), plain(20, 90, 30), with_square(20), with_square(40)])
    assert drawing.ink(some) == pytest.approx([0, 0, 400 / SIDE**2, 1600 / SIDE**2])
    pale = with_square(40)
    pale[pale < 255] = 250
    assert drawing.ink(pale[None])[0] < 0.01
