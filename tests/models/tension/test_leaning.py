from __future__ import annotations

import numpy as np
import pytest

from models.tension.liking import leaning

TASTES = {
    "little": lambda z: -1.5 * z,
    "much": lambda z: 1.5 * z,
    "middle": lambda z: -2 * np.abs(z),
    "ends": lambda z: 2 * np.abs(z),
}


def picks(taste, n: int, *, seed: int = 0, clips: int = 2) -> list:
    rng, found = np.random.default_rng(seed), []
    for _ in range(n):
        z = rng.normal(size=clips)
        best = int((taste(z) + rng.gumbel(size=clips)).argmax())
        found.append((0.4 + 0.7 * z, ("left", "right")[best] if clips == 2 else "abcd"[best]))
    return found


@pytest.mark.parametrize("clips", [2, 4])
@pytest.mark.parametrize("liked", list(TASTES))
def test_what_somebody_likes_of_surprise_is_found(liked, clips) -> None:
    found = leaning(picks(TASTES[liked], 120, clips=clips))
    assert found.liked == liked
    assert 0.5 < found.share.low < found.share.value < found.share.high < 1
    assert found.share.n == 120


@pytest.mark.slow
def test_who_does_not_pick_by_surprise_is_seldom_told_so() -> None:
    found = [leaning(picks(lambda z: 0 * z, 30, seed=seed)) for seed in range(100)]
    assert np.mean([each.liked != "" for each in found]) <= 0.08
    assert all(each.share.low <= 0.5 for each in found if not each.liked)


def test_without_picks_or_where_clips_are_alike_nothing_shows() -> None:
    assert leaning([]).liked == ""
    assert leaning([(np.zeros(2), "left")] * 30).liked == ""
