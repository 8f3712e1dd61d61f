"""The linear probe of mood, beside scikit-learn's ridge and balanced accuracy, and on songs that come twice."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.preprocessing import StandardScaler

from models.mood import linear_probe
from models.mood.liking import MOODS, corner
from models.mood.linear_probe import RIDGE, read_moods


@pytest.fixture
def random():
    return np.random.default_rng(1)


def moods_by_chance(random, clips: int, rare: float = 0.15) -> list[str]:
    """Moods of which ``happy`` is the commonest, as in dance tunes."""
    return random.choice(MOODS, size=clips, p=[1 - 3 * rare, rare, rare, rare]).tolist()


def names(count: int) -> list[str]:
    return [f"song {number}" for number in range(count)]


def test_what_latents_tell_is_read_and_what_they_do_not_tell_is_near_chance(random):
    moods = moods_by_chance(random, 600, rare=0.25)  # else valence and arousal would go together
    signs = np.array([corner(mood) for mood in moods])
    noise = random.standard_normal((600, 6))
    telling = np.column_stack([signs[:, 1] + 0.2 * noise[:, 0], noise[:, 1]])
    found = read_moods({"tempo": telling, "texture": noise}, moods, names(600))
    assert found["tempo"].arousal.value > 0.98
    assert found["tempo"].places[:, 1] @ signs[:, 1] > 500  # read as high where it is
    for metric in (found["tempo"].valence, found["texture"].valence, found["texture"].arousal):
        assert abs(metric.value - 0.5) < 0.07
        assert metric.low < metric.value < metric.high
        assert (metric.chance, metric.n) == (0.5, 600)


def test_the_probe_is_a_ridge_for_which_both_halves_count_the_same(random):
    moods = moods_by_chance(random, 400)
    signs = np.array([corner(mood) for mood in moods])
    x = random.standard_normal((400, 5)) * [1, 2, 3, 4, 5] + signs @ random.standard_normal((2, 5))
    scaled = StandardScaler().fit(x[:300])
    read = linear_probe._fitted(x[:300], signs[:300], x[300:])
    for column in range(2):
        ridge = RidgeClassifier(alpha=300 * RIDGE, class_weight="balanced")
        ridge.fit(scaled.transform(x[:300]), signs[:300, column])
        np.testing.assert_allclose(read[:, column], ridge.decision_function(scaled.transform(x[300:])), atol=1e-6)


def test_accuracy_is_scikit_learns_balanced_accuracy(random):
    moods = moods_by_chance(random, 300)
    signs = np.array([corner(mood) for mood in moods])
    found = read_moods({"rhythm": random.standard_normal((300, 3)) + 0.7 * signs[:, :1]}, moods, names(300))["rhythm"]
    for metric, column in ((found.valence, 0), (found.arousal, 1)):
        wanted = balanced_accuracy_score(signs[:, column] > 0, found.places[:, column] > 0)
        assert metric.value == pytest.approx(wanted)
        assert metric.low < wanted < metric.high


def test_a_song_that_comes_twice_is_never_read_by_a_probe_that_knows_it(random):
    moods = moods_by_chance(random, 150)
    latents = random.standard_normal((150, 80))  # enough numbers to remember every song by
    twice = {"content": np.concatenate([latents, latents])}
    by_clip = read_moods(twice, moods * 2, names(300))["content"]
    by_song = read_moods(twice, moods * 2, names(150) * 2)["content"]
    assert by_clip.arousal.low > 0.6
    assert by_song.arousal.low < 0.5
