import numpy as np
import pytest
from scipy.stats import spearmanr

from models.rating.plays import audible_ceiling, equal_exposure, pairs_of, reliability, target


def drawn(listeners, seed=0, tracks=600):
    rng = np.random.default_rng(seed)
    share = rng.beta(4, 6, tracks)
    played = np.full(tracks, listeners)
    return share, played, rng.binomial(played, share)


@pytest.mark.slow
def test_the_ceiling_is_what_knowing_the_true_share_reaches():
    share, played, liked = drawn(20)
    found = reliability(played, liked)
    assert found.spearman == pytest.approx(spearmanr(share, target(played, liked)).statistic, abs=0.03)
    better = share[:, None] > share
    agrees = (target(played, liked)[:, None] > target(played, liked))[better].mean()
    assert found.pairs == pytest.approx(agrees, abs=0.03)


@pytest.mark.slow
def test_more_listeners_agree_better_and_noise_agrees_on_nothing():
    few, many = (reliability(*drawn(count)[1:]).whole for count in (8, 40))
    assert few < many < 1
    rng = np.random.default_rng(1)
    played = np.full(600, 20)
    assert reliability(played, rng.binomial(played, 0.4)).half == pytest.approx(0, abs=0.06)


def test_a_correlation_of_one_orders_all_pairs():
    assert [pairs_of(each) for each in (0, 1)] == [0.5, 1.0]


def test_at_equal_exposure_how_often_a_track_was_played_does_not_matter():
    rng = np.random.default_rng(2)
    share = rng.beta(8, 12, 800)
    played = rng.integers(8, 60, 800)
    liked = rng.binomial(played, share)
    even, raw = equal_exposure(played, liked), target(played, liked)
    assert abs(spearmanr(even, played).statistic) < 0.1 < spearmanr(raw, played).statistic
    assert spearmanr(even, share).statistic > spearmanr(raw, share).statistic


@pytest.mark.slow
def test_how_often_a_track_was_played_cannot_be_heard():
    rng = np.random.default_rng(3)
    share = rng.beta(8, 12, 600)
    for most, apart in ((21, 0.0), (90, 0.04)):
        played = rng.integers(20, most, 600)
        liked = rng.binomial(played, share)
        p = target(played, liked)
        truth = (share[:, None] > share)[p[:, None] > p].mean()
        found, low, high = audible_ceiling(played, liked)
        assert found == pytest.approx(truth, abs=0.03)
        assert low < min(found, truth) <= max(found, truth) < high
        assert high - low < 0.1
        assert reliability(played, liked, splits=20).pairs - truth > apart - 0.05


@pytest.mark.slow
def test_with_the_smooth_target_a_single_like_counts():
    played, liked = np.array([10, 10, 10]), np.array([0, 1, 2])
    assert target(played, liked)[:2].tolist() == [0, 0]
    assert (np.diff(target(played, liked, smooth=True)) > 0).all()
    few, many = np.full(300, 6), np.random.default_rng(4).binomial(2, 0.5, 300)
    smooth, plain = (reliability(few, many, smooth=each, splits=10).half for each in (True, False))
    assert smooth != plain
    assert (equal_exposure(few, many, smooth=True) > equal_exposure(few, many)).all()
    assert audible_ceiling(few, many, smooth=True) != audible_ceiling(few, many)
