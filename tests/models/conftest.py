"""Seeds before every test, and small made-up tunes whose titles say what they are: reels climb and jigs fall."""

import numpy as np
import pytest
import torch

from models.title.tunes import FIELDS, Tune


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Random weights are the same whichever tests ran before, in the fixtures that a test is the first to ask for."""
    torch.manual_seed(0)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    """And what a test draws itself."""
    torch.manual_seed(0)


NAMES = ("Cow", "Hen", "Mill", "Glen", "Lass", "Piper", "Boat", "Bridge", "Fair", "Goose")


def made_tune(index: int) -> Tune:
    rng = np.random.default_rng(index)
    reel, length = index % 2 == 0, int(rng.integers(30, 60))
    notes = np.zeros((length, len(FIELDS)), dtype=np.int16)
    notes[:, FIELDS.index("interval")] = np.clip(rng.integers(9, 16, length) + (3 if reel else -3), 0, 24)
    notes[0, FIELDS.index("interval")] = -1
    notes[:, FIELDS.index("degree")] = rng.integers(0, 12, length)
    notes[:, FIELDS.index("pitch")] = rng.integers(10, 40, length)
    notes[:, FIELDS.index("position")] = np.arange(length) % 8 * 3
    notes[:, FIELDS.index("duration")] = 5 if reel else 6
    notes[:, FIELDS.index("bar")] = np.minimum(np.arange(length) // 8, 31)
    notes[:, FIELDS.index("meter")] = 0 if reel else 2
    title = f"{NAMES[index % 10]} of {NAMES[index // 10 % 10]}'s {'Reel' if reel else 'Jig'} {'x' * (index // 100)}"
    genre = "reel" if reel else "jig"
    return Tune(f"made/{index}", "made", (title,), genre, f"made/{index}", notes)


@pytest.fixture(scope="session")
def made_tunes() -> list[Tune]:
    return [made_tune(index) for index in range(120)]
