import numpy as np
import pytest
from scipy.stats import spearmanr

from models.evaluate.rating import _report_way, crossfitted, mean, ridge, trees
from models.experiments.report import Report
from models.metrics.intervals import FEW
from models.rating.crossfit import Order, folds_of
from models.rating.dreaming import Step
from models.rating.evaluation.critics import placed
from models.rating.mel_bands import MELS
from models.rating.rater import Kind


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


def test_dreams_stand_beside_the_noises_of_all_of_them_and_few_have_no_interval():
    rng = np.random.default_rng(0)
    pictures = rng.normal(size=(12, MELS, 60)).astype(np.float32)
    music = Kind.of(pictures)

    def reported(count):
        report = Report("evaluate.rating", {}, {}, 0)
        trails = [
            [
                Step(0, pictures[row], float(row), 1.0, 0.0, alarm=False),
                Step(1, pictures[row], 9.0, 2.0, 0.0, alarm=True),
            ]
            for row in range(count)
        ]
        _report_way(report, "both", trails, music, away=np.ones(5), known=placed(pictures[:5], music))
        return report.metrics

    few, many = reported(3), reported(FEW)
    assert few["dream.both.p"].baseline == 1.0
    assert (few["dream.both.p"].value, few["dream.both.p"].n) == (9.0, 3)
    assert all(each.low is None and each.high is None for each in few.values())
    assert many["dream.both.p"].baseline == (FEW - 1) / 2
    assert all(each.low is not None for each in many.values())
