import numpy as np
import pytest
from scipy.stats import spearmanr

from models.evaluate.rating import crossfitted, mean, ridge, trees
from models.rating.crossfit import Order, folds_of


def test_pairs_and_correlation_are_those_of_scipy_within_a_fold():
    rng = np.random.default_rng(0)
    p, rated = rng.normal(size=(2, 40))
    order = Order(p, np.zeros(40, dtype=int))
    assert order.spearman(rated).value == pytest.approx(spearmanr(p, rated).statistic)
    agreed = np.mean([(rated[i] > rated[j]) == (p[i] > p[j]) for i in range(40) for j in range(i)])
    found = order.pair_accuracy(rated)
    assert found.value == pytest.approx(agreed)
    assert found.low < found.value < found.high
    assert order.pair_accuracy(p).value == 1
    assert order.pair_accuracy(p, than=-p).value == 1


@pytest.mark.slow
def test_the_mean_of_other_folds_orders_nothing():
    rng = np.random.default_rng(1)
    p = rng.normal(size=100)
    fold = folds_of([str(k) for k in range(100)], p)
    x = rng.normal(size=(100, 3))
    order = Order(p, fold)
    assert order.pair_accuracy(crossfitted(mean, x, p, np.ones(100), fold)).value == 0.5
    informed = np.c_[p + rng.normal(size=100) * 0.3, x]
    for rival in (ridge, trees):
        assert order.pair_accuracy(crossfitted(rival, informed, p, np.ones(100), fold)).value > 0.75


def test_one_sound_is_in_one_fold_whatever_it_is_called():
    p = np.linspace(0, 1, 23)
    fold = folds_of([*"abcdefghijklmnopqrst", *"abc"], p)
    assert (fold[:3] == fold[20:]).all()
    assert np.bincount(fold).min() >= 3
    shuffled = np.random.default_rng(0).permutation(23)
    again = folds_of([[*"abcdefghijklmnopqrst", *"abc"][k] for k in shuffled], p[shuffled])
    assert (again == fold[shuffled]).all()
