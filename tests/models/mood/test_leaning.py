from __future__ import annotations

import numpy as np

from models.mood.liking import leanings


def picks(taste: tuple[float, float], n: int, seed: int = 0, clips: int = 2) -> list:
    rng, found = np.random.default_rng(seed), []
    for _ in range(n):
        moods = np.clip(rng.normal(0, 0.4, (clips, 2)), -1, 1)
        liked = moods @ np.array(taste) + rng.gumbel(0, 0.5, clips)
        best = int(liked.argmax())
        found.append((moods, ("left", "right")[best] if clips == 2 else "abcd"[best]))
    return found


def test_a_liking_of_lively_music_is_found_and_told_with_its_odds() -> None:
    for clips in (2, 4):
        valence, arousal = leanings(picks((0.0, 3.0), 80, clips=clips))
        assert arousal.lean == "lively (decided)"
        assert arousal.effect > 2 * arousal.sd
        assert abs(valence.effect) < 3 * valence.sd
        calm = leanings(picks((0.0, -3.0), 80, clips=clips))[1]
        assert calm.lean == "calm (decided)"


def test_who_does_not_pick_by_mood_is_seldom_told_so() -> None:
    found = [each for seed in range(40) for each in leanings(picks((0.0, 0.0), 30, seed))]
    assert np.mean(["decided" in each.lean for each in found]) < 0.12


def test_without_picks_nothing_shows() -> None:
    assert [each.lean for each in leanings([])] == ["", ""]
