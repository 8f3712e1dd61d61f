"""The shipped judges on EMOPIA, each clip judged by the networks that have not heard it."""

from __future__ import annotations

import os

import numpy as np
import pytest

from models.mood.judge import load_mood
from models.mood.labels import emopia
from models.mood.training import figures
from models.music.corpora import corpora_folder

pytestmark = pytest.mark.slow


def test_the_shipped_judges_are_right_about_real_clips_that_they_have_not_heard() -> None:
    folder = corpora_folder()
    if folder is None or not (folder / "emopia").is_dir():
        if os.environ.get("KALLOS_REQUIRE_CORPORA") == "1":
            pytest.fail("KALLOS_REQUIRE_CORPORA is 1, but KALLOS_CORPORA names no folder with emopia")
        pytest.skip("EMOPIA is not here")
    every = emopia()
    assert np.bincount(every.quadrant).min() >= 250
    some = every.taken(np.random.default_rng(0).permutation(len(every))[:80])
    bundle = load_mood()
    for judge in (bundle.first, bundle.second):
        found = figures(some, judge.judge(some.pieces), 0)
        assert found["quadrant"].value > 0.5
        assert found["arousal"].value > 0.75
        assert found["valence"].value > 0.62
