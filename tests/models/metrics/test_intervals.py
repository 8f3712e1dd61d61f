"""Intervals against scipy."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from models.metrics.intervals import bootstrap, wilson


def test_the_interval_is_scipys_wilson_interval() -> None:
    for right, n in ((0, 5), (3, 10), (9, 10), (120, 200)):
        found, expected = wilson(right, n), binomtest(right, n).proportion_ci(method="wilson")
        assert found.value == right / n
        assert (found.low, found.high) == (pytest.approx(expected.low), pytest.approx(expected.high))


def test_the_bootstrap_covers_the_mean_and_repeats_itself() -> None:
    values = np.random.default_rng(1).normal(size=200)
    one, other = bootstrap(values), bootstrap(values)
    assert one == other
    assert one.low < values.mean() < one.high
    assert one.high - one.low == pytest.approx(2 * 1.96 * values.std() / math.sqrt(200), rel=0.15)
