from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.music.render import SAMPLE_RATE_HZ
from models.picture.film import Pictures
from models.picture.movie import write_frames

A_SECOND, SIZE = 12, (48, 64)
SHOTS = ((230, 60, 30), (20, 40, 120), (240, 240, 200))  # colours of three shots, each as long as the others


def moving(colour: tuple[int, int, int], number: int) -> Pictures:
    """A dark square that goes to the right on a coloured ground."""
    frame = np.empty((*SIZE, 3), dtype=np.uint8)
    frame[:] = colour
    left = 4 + number % 36
    frame[16:32, left : left + 16] = 10
    return frame


@pytest.fixture(scope="session")
def make_film(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``make_film(shots, seconds)`` → a small H.264 film of shots of equal length, with silence."""

    def make(shots: tuple[tuple[int, int, int], ...] = SHOTS, seconds: float = 9.0) -> Path:
        count = round(seconds * A_SECOND)
        frames = (moving(shots[number * len(shots) // count], number) for number in range(count))
        path = tmp_path_factory.mktemp("film") / "film.mp4"
        write_frames(frames, A_SECOND, np.zeros((round(seconds * SAMPLE_RATE_HZ), 2), dtype=np.float32), path)
        return path

    return make
