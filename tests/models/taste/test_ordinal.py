"""Ordinal outcomes against numbers that scipy knows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from models.taste.ordinal import levels_of, sites, win_probability

finite = st.floats(-8, 8)


@given(f=finite, low=finite, width=st.floats(0.05, 5))
def test_slope_and_curvature_are_the_derivatives_of_the_log_likelihood(f: float, low: float, width: float) -> None:
    at = np.array([f - 1e-4, f, f + 1e-4])
    found = sites(at, np.full(3, low), np.full(3, low + width))
    assert found.slope[1] == pytest.approx(np.diff(found.log_likelihood[[0, 2]])[0] / 2e-4, abs=2e-3)
    assert found.curvature[1] == pytest.approx(-np.diff(found.slope[[0, 2]])[0] / 2e-4, abs=2e-3)


def test_the_likelihood_is_the_normal_probability_of_the_interval_and_stays_finite_far_away() -> None:
    found = sites(np.array([0.3, 0.3, 25.0]), np.array([-1.0, 1.0, -60.0]), np.array([0.5, 60.0, -1.0]))
    assert found.log_likelihood[0] == pytest.approx(np.log(norm.cdf(0.2) - norm.cdf(-1.3)))
    assert found.log_likelihood[1] == pytest.approx(norm.logsf(0.7))
    assert found.log_likelihood[2] == pytest.approx(norm.logcdf(-26.0))
    assert all(np.isfinite(value).all() for value in (found.log_likelihood, found.slope, found.curvature))


def test_thresholds_lie_where_the_ratings_say() -> None:
    level, quantiles = levels_of(np.repeat([1.0, 2.5, 4.0], [100, 300, 100]))
    assert level.tolist() == [0] * 100 + [1] * 300 + [2] * 100
    assert quantiles == pytest.approx(norm.ppf([0.2, 0.8]), abs=0.01)
    many, cuts = levels_of(np.random.default_rng(0).normal(size=1000))
    assert len(cuts) == 9
    assert np.bincount(many).min() > 80


@given(mean=finite, variance=st.floats(0.5, 9), zone=st.floats(0, 2))
def test_what_one_side_gains_the_other_loses(mean: float, variance: float, zone: float) -> None:
    both = [float(win_probability(np.array(sign * mean), np.array(variance), zone)) for sign in (1, -1)]
    assert sum(both) == pytest.approx(1)
    assert both[0] >= 0.5 or mean < 0
