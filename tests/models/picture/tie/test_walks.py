import numpy as np
import pytest

from models.picture.film import SIDE
from models.picture.tie.evaluation import walk


def test_a_walk_has_its_length_cuts_and_fades() -> None:
    rng = np.random.default_rng(1)
    pictures = [np.full((SIDE, SIDE, 3), level, dtype=np.uint8) for level in np.linspace(0, 250, 12).astype(int)]
    film = walk(pictures, 20.0, rng)
    assert film.seconds == 20.0
    assert len(film.frames) == len(film.times_s) == 120
    steps = np.diff(film.frames[:, 48, 48, 0].astype(int))
    assert 0 < len(film.cuts_s) < 10
    assert ((steps > 0) & (steps < 15)).any()
    with pytest.raises(ValueError, match="20 are needed"):
        walk(pictures[:3], 20.0, rng)
