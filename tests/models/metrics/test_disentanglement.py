"""Disentanglement metrics on codes whose figures are known, and what must not change them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.linear_model import LinearRegression

from models.metrics.disentanglement import (
    disentanglement,
    entropy,
    interpretability,
    mig,
    modularity,
    mutual_information,
    sap,
    scc,
)

seeds = st.integers(0, 2**31 - 1)


def independent(seed: int = 0, points: int = 600, attributes: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(points, attributes))


def with_noise(codes: np.ndarray, dimensions: int = 3) -> np.ndarray:
    return np.concatenate([codes, np.random.default_rng(9).normal(size=(len(codes), dimensions))], axis=1)


def test_codes_that_are_the_attributes_are_perfect() -> None:
    wanted = independent()
    found = disentanglement(with_noise(wanted, 1), wanted)
    assert found.interpretability == pytest.approx(1)
    assert found.scc == pytest.approx(1)
    assert found.sap == pytest.approx(1, abs=0.02)
    assert found.mig > 0.95
    assert disentanglement(wanted, wanted).modularity > 0.99


def test_noise_is_worth_nothing() -> None:
    found = disentanglement(independent(1), independent(2))
    assert max(found.interpretability, found.mig, found.sap) < 0.05
    assert found.scc < 0.15


def test_a_dimension_that_mixes_two_attributes_is_not_modular() -> None:
    wanted = independent(attributes=2, points=2000)
    mixed = np.stack([wanted.sum(1), wanted[:, 0] - wanted[:, 1]], axis=1)
    assert modularity(mutual_information(mixed, wanted)) < 0.2


def test_mig_by_hand() -> None:
    information = np.array([[1.0, 0.2], [0.25, 0.6], [0.0, 0.1]])
    assert mig(information, np.array([1.5, 0.8])) == pytest.approx(((1 - 0.25) / 1.5 + (0.6 - 0.2) / 0.8) / 2)


def test_information_and_entropy_are_those_of_a_known_case() -> None:
    rng = np.random.default_rng(0)
    coin = rng.integers(0, 4, size=(3000, 1)).astype(float)
    assert entropy(coin)[0] == pytest.approx(np.log(4), abs=0.05)
    x = rng.normal(size=4000)
    y = 0.8 * x + 0.6 * rng.normal(size=4000)  # correlation 0.8: -log(1 - 0.64) / 2 nats
    assert mutual_information(np.stack([x, 0 * x], 1), y[:, None])[:, 0] == pytest.approx([0.511, 0], abs=0.05)


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_figures_agree_with_scipy_and_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    codes, wanted = rng.normal(size=(80, 4)), rng.integers(0, 5, size=(80, 2)).astype(float)
    codes[:, 0] += wanted[:, 0]
    spearman = np.array([[abs(spearmanr(c, a).statistic) for a in wanted.T] for c in codes.T])
    assert scc(codes, wanted) == pytest.approx(spearman.max(0).mean())
    r2 = np.array([[LinearRegression().fit(c[:, None], a).score(c[:, None], a) for a in wanted.T] for c in codes.T])
    two = np.sort(r2, axis=0)[-2:]
    assert sap(codes, wanted) == pytest.approx((two[1] - two[0]).mean())
    information = mutual_information(codes, wanted)
    chosen = [r2[d, k] for k, d in enumerate(information.argmax(0))]
    assert interpretability(codes, wanted, information) == pytest.approx(np.mean(chosen))


def test_what_does_not_vary_counts_for_nothing() -> None:
    wanted = independent()
    codes = np.concatenate([wanted, np.ones((600, 1))], axis=1)
    assert mutual_information(codes, wanted)[-1].tolist() == [0, 0, 0]
    same = np.concatenate([wanted, np.ones((600, 1))], axis=1)
    assert disentanglement(with_noise(wanted), same) == disentanglement(with_noise(wanted), wanted)
