"""The population prior against known ones, scikit-learn's factor analysis and scipy's maximum of a likelihood."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.decomposition import FactorAnalysis

from models.taste import hierarchy
from models.taste.head import Head, predict, update
from models.taste.hierarchy import Evidence, PopulationPrior, average, factor_analysis, learn
from models.taste.likelihood import CHOICES, PAIR_MANNER, PAIR_SHARES, RESPONSE, choice_probabilities


def scores_of(left, right) -> np.ndarray:
    """Rows that make the three scores of a pair from weights and manner."""
    return np.hstack([PAIR_SHARES @ np.stack([left, right]), PAIR_MANNER])


F = 6
SIZE = F + len(RESPONSE)
FIXED = Head.of(np.zeros(F), 0.3 * np.eye(F), "v1")
NOBODY = PopulationPrior.fixed(FIXED)
TRUE_MEAN = NOBODY.mean + np.array([0.9, -0.7, 0, 0, 0, 0, 0.2, 0.3, 0.6])
TRUE_FACTOR = np.array([0, 0, 0.7, -0.7, 0.5, 0, 0, 0, 0])[:, None]
CLIPS = np.random.default_rng(9).normal(size=(80, F))


def listener(generator: np.random.Generator, votes: int, prior: Head = FIXED) -> tuple[np.ndarray, Head]:
    """Somebody of the true population and their head."""
    person = TRUE_MEAN + TRUE_FACTOR[:, 0] * generator.normal() + 0.2 * generator.normal(size=SIZE)
    head = prior
    for _ in range(votes):
        left, right = CLIPS[generator.choice(len(CLIPS), 2, replace=False)]
        said = CHOICES[generator.choice(4, p=choice_probabilities(scores_of(left, right) @ person))]
        head = update(head, left, right, said)
    return person, head


@pytest.fixture(scope="module")
def evidence() -> list[Evidence]:
    generator = np.random.default_rng(0)
    return [Evidence.of(listener(generator, 40)[1], FIXED) for _ in range(60)]


def test_a_head_is_its_prior_and_its_evidence() -> None:
    head = listener(np.random.default_rng(1), 30)[1]
    told = Evidence.of(head, FIXED)
    precision = np.linalg.inv(FIXED.joint_covariance) + told.precision
    covariance = np.linalg.inv(precision)
    assert np.allclose(covariance, head.joint_covariance, atol=1e-3)
    mean = covariance @ (np.linalg.solve(FIXED.joint_covariance, FIXED.joint_mean) + told.shift)
    assert np.allclose(mean, head.joint_mean, atol=0.02)
    assert np.linalg.eigvalsh(told.precision).min() > -1e-9
    assert told.votes == 30
    with pytest.raises(ValueError, match="did not begin"):
        Evidence.of(head, replace(FIXED, version="v2"))


def test_without_listeners_the_population_is_the_fixed_prior_and_few_leave_it_near() -> None:
    alone = learn([], NOBODY)
    assert np.array_equal(alone.newcomer().joint_mean, FIXED.joint_mean)
    assert np.array_equal(alone.covariance, FIXED.joint_covariance)
    silent = Evidence(np.zeros((SIZE, SIZE)), np.zeros(SIZE), 0)
    nothing_said = learn([silent] * 5, NOBODY)
    assert np.allclose(nothing_said.mean, NOBODY.mean, atol=1e-3)
    assert np.allclose(nothing_said.covariance, NOBODY.covariance, atol=1e-3)


@pytest.mark.slow
def test_more_listeners_bring_mean_and_directions_to_light(evidence: list[Evidence]) -> None:
    truth = TRUE_FACTOR @ TRUE_FACTOR.T + 0.04 * np.eye(SIZE)
    off = {count: learn(evidence[:count], NOBODY) for count in (0, 6, 60)}
    of_mean = [np.linalg.norm(each.mean - TRUE_MEAN) for each in off.values()]
    of_spread = [np.linalg.norm(each.covariance - truth) for each in off.values()]
    assert of_mean[0] > 1.2 * of_mean[1] > 1.2 * of_mean[2]
    assert of_spread[0] > of_spread[1] > 1.5 * of_spread[2]
    found = off[60]
    leading = found.factors[:, np.argmax((found.factors**2).sum(axis=0))]
    assert abs(leading @ TRUE_FACTOR[:, 0]) / np.linalg.norm(leading) / np.linalg.norm(TRUE_FACTOR) > 0.9
    assert (found.listeners, found.votes) == (60, 60 * 40)


def test_a_newcomer_is_foreseen_better_from_the_population_than_from_the_fixed_prior(evidence: list[Evidence]) -> None:
    start = learn(evidence, NOBODY).newcomer()
    generator = np.random.default_rng(77)
    gains = []
    for seed in range(25):
        scores = []
        for prior in (FIXED, start):
            person, head = listener(np.random.default_rng(1000 + seed), 3, prior)
            generator = np.random.default_rng(seed)
            left, right = CLIPS[generator.integers(len(CLIPS), size=(2, 200))]
            chance, better = predict(head, left - right), (left - right) @ person[:F] > 0
            scores.append(np.mean((chance.left > chance.right) == better))
        gains.append(scores[1] - scores[0])
    assert np.mean(gains) > 0.05


def test_factor_analysis_is_as_likely_as_scikit_learns() -> None:
    generator = np.random.default_rng(2)
    mixing = generator.normal(size=(SIZE, 2))
    x = generator.normal(size=(500, 2)) @ mixing.T + generator.normal(size=(500, SIZE)) * generator.uniform(
        0.3, 1, SIZE
    )
    moments = np.cov(x.T, bias=True)
    factors, diagonal = factor_analysis(moments, 2, floor=1e-6)

    def likelihood(covariance: np.ndarray) -> float:
        return -np.linalg.slogdet(covariance)[1] - np.trace(np.linalg.solve(covariance, moments))

    kept = FactorAnalysis(2, tol=1e-8, max_iter=5000).fit(x)
    assert likelihood(factors @ factors.T + np.diag(diagonal)) > likelihood(kept.get_covariance()) - 1e-3
    assert np.allclose(np.diag(factors @ factors.T) + diagonal, np.diag(moments))


def test_without_directions_and_pseudo_listeners_em_finds_the_likelihoods_maximum(monkeypatch) -> None:
    for name, value in (("MEAN_COUNTS", 0.0), ("SPREAD_COUNTS", 0.0), ("EM_STEPS", 3000), ("MOVED", 1e-8)):
        monkeypatch.setattr(hierarchy, name, value)
    generator = np.random.default_rng(5)
    sure = generator.uniform(0.5, 8, 40)  # precision of what each of 40 listeners said about one weight
    said = 0.7 + 0.8 * generator.normal(size=40) + generator.normal(size=40) / np.sqrt(sure)
    blank = np.zeros((SIZE, SIZE))
    people = []
    for precision, value in zip(sure, said, strict=True):
        told, shift = blank.copy(), np.zeros(SIZE)
        told[0, 0], shift[0] = precision, precision * value
        people.append(Evidence(told, shift, 1))

    def loss(point: np.ndarray) -> float:
        variance = np.exp(point[1]) + 1 / sure
        return (np.log(variance) + (said - point[0]) ** 2 / variance).sum()

    best = minimize(loss, np.zeros(2), method="BFGS").x
    found = learn(people, NOBODY, directions=0)
    assert found.mean[0] == pytest.approx(best[0], abs=1e-3)
    assert found.covariance[0, 0] == pytest.approx(np.exp(best[1]), rel=1e-2)


def test_the_average_listener_counts_each_by_what_they_said() -> None:
    def of(value: float, precision: float) -> Evidence:
        return Evidence(np.eye(SIZE) * precision, np.full(SIZE, precision * value), 10)

    known = average([of(1.0, 1e6), of(2.0, 1e6), of(3.0, 1e6)], NOBODY, NOBODY)
    weight = 1 / NOBODY.covariance[0, 0]
    shrunk = 3 * weight * 2.0 / (3 * weight + hierarchy.MEAN_COUNTS * weight)
    assert known.mean == pytest.approx(shrunk, abs=1e-3)
    assert np.diag(known.covariance) == pytest.approx(NOBODY.covariance[0, 0] / (3 + hierarchy.MEAN_COUNTS), rel=1e-3)
    assert known.votes_seen == 30
    doubted = average([of(1.0, 1e6), of(2.0, 1e6), of(3.0, 1e-3)], NOBODY, NOBODY)
    assert (doubted.mean < known.mean).all()
    assert np.array_equal(average([], NOBODY, NOBODY).mean, NOBODY.mean[:F])
