"""How many taste directions held-out votes support, and what is common, for populations whose truth is known."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from models.taste.head import Head
from models.taste.hierarchy import Evidence, PopulationPrior, common_share, log_likelihood, measure_dimensionality
from models.taste.likelihood import RESPONSE

F = 6
SIZE = F + len(RESPONSE)
NOBODY = PopulationPrior.fixed(Head.of(np.zeros(F), 0.5 * np.eye(F), "v1"))
CLIPS = np.diag(np.arange(1.0, F + 1))


def said(person: np.ndarray, generator: np.random.Generator, precision: float = 30.0) -> Evidence:
    """What somebody's votes tell of each weight, with noise of this precision."""
    heard = person + generator.normal(size=SIZE) / np.sqrt(precision)
    return Evidence(precision * np.eye(SIZE), precision * heard, 20)


def people(factors: np.ndarray, count: int = 60, seed: int = 0) -> list[Evidence]:
    generator = np.random.default_rng(seed)
    spread = 0.2 * generator.normal(size=(count, SIZE)) + generator.normal(size=(count, factors.shape[1])) @ factors.T
    return [said(NOBODY.mean + off, generator) for off in spread]


def two_kinds() -> np.ndarray:
    factors = np.zeros((SIZE, 2))
    factors[[0, 1, 2], 0] = 1.0, -1.0, 0.8
    factors[[3, 4, 5], 1] = 0.9, 0.9, -0.7
    return factors


def test_the_likelihood_is_that_of_a_gaussian_seen_through_noise() -> None:
    generator = np.random.default_rng(3)
    half = generator.normal(size=(SIZE, SIZE))
    one, other = (
        PopulationPrior(generator.normal(size=SIZE), 0.5 * generator.normal(size=(SIZE, 2)), np.full(SIZE, v), "v1")
        for v in (0.3, 0.8)
    )
    precision = half @ half.T + np.eye(SIZE)
    heard = generator.normal(size=SIZE)
    told = Evidence(precision, precision @ heard, 9)
    expected = [
        multivariate_normal(each.mean, each.covariance + np.linalg.inv(precision)).logpdf(heard)
        for each in (one, other)
    ]
    difference = log_likelihood(told, one) - log_likelihood(told, other)
    assert difference == pytest.approx(expected[0] - expected[1])


def test_two_kinds_of_taste_are_found_where_there_are_two() -> None:
    found = measure_dimensionality(people(two_kinds()), NOBODY, CLIPS)
    assert found.chosen == 2
    gains = [each.gain for each in found.curve]
    assert gains[0] == 0
    assert gains[2] > gains[1] > 0
    assert found.curve[2].low > 0
    assert found.listeners == 60


def test_what_is_common_is_the_means_share_with_an_interval_around_the_truth() -> None:
    generator = np.random.default_rng(1)
    mean = np.zeros(SIZE)
    mean[:F] = 0.6
    who = [said(NOBODY.mean + mean + 0.4 * generator.normal(size=SIZE), generator, 200.0) for _ in range(60)]
    truth = 0.36 / (0.36 + 0.16)
    known = PopulationPrior(mean, np.zeros((SIZE, 0)), np.full(SIZE, 0.16), "v1")
    assert common_share(known, np.eye(F)) == pytest.approx(truth)
    found = measure_dimensionality(who, NOBODY, np.eye(F))
    assert found.common_low < found.common < found.common_high
    assert found.common == pytest.approx(truth, abs=0.1)


def test_of_many_listeners_some_are_asked_and_one_is_too_few(monkeypatch) -> None:
    monkeypatch.setattr("models.taste.hierarchy.MOST_LISTENERS", 10)
    assert measure_dimensionality(people(two_kinds(), 30), NOBODY, CLIPS).listeners == 10
    with pytest.raises(ValueError, match="two at least"):
        measure_dimensionality(people(two_kinds(), 1), NOBODY, CLIPS)
