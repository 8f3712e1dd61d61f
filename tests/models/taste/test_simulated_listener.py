"""The simulated listener answers as told, and the head finds out a hidden taste."""

import numpy as np
import pytest

from models.metrics.music_statistics import ATTRIBUTES
from models.taste.policy import Mixture
from models.taste.simulated_people import RANDOM, SimulatedListener, heads_while_listening, new_head, share_ranked_right

NAMES = tuple(ATTRIBUTES)


def test_slow_dense_and_low_music_has_the_higher_utility() -> None:
    values = {"tempo_bpm": 60.0, "onsets_per_bar": 12.0, "mean_pitch": 50.0}
    loved = np.array([values.get(name, 0.0) for name in NAMES])
    mean = np.array([{"tempo_bpm": 100.0, "onsets_per_bar": 8.0, "mean_pitch": 60.0}.get(name, 0.0) for name in NAMES])
    utility = SimulatedListener().utility(np.stack([loved, mean]), NAMES, mean, np.ones(len(NAMES)))
    assert utility.tolist() == [54.0, 0.0]


def test_one_vote_in_ten_is_a_coin_toss() -> None:
    listener, generator = SimulatedListener(lapse=0.1), np.random.default_rng(0)
    votes = [listener.vote(1.0, 0.0, generator) for _ in range(4000)]
    assert votes.count("left") / 4000 == pytest.approx(0.95, abs=0.012)


@pytest.mark.slow
def test_thirty_votes_find_out_a_hidden_taste_and_ours_beats_random_pairs(space, clips_of) -> None:
    pool = clips_of(200, 3)
    features, listener = space.features(pool.summaries), SimulatedListener()
    mean, sd = pool.attributes.mean(axis=0), pool.attributes.std(axis=0)
    utility = listener.utility(pool.attributes, NAMES, mean, sd)
    found = {}
    for name, mixture in (("random", RANDOM), ("ours", Mixture(composed=0))):
        shares = []
        for seed in range(8):
            heads = heads_while_listening(
                listener, new_head(space), features[:130], utility[:130], votes=(6, 30), mixture=mixture, seed=seed
            )
            shares.append([share_ranked_right(heads[votes], features[130:], utility[130:]) for votes in (6, 30)])
        found[name] = np.mean(shares, axis=0)
    assert found["ours"][1] >= 0.8
    assert found["ours"][1] > found["random"][1]
    assert found["ours"][1] > found["ours"][0] > 0.55
