"""Each policy against what it stands for, computed another way."""

import warnings

import numpy as np
import pytest
import torch

from models.taste.acquisition import (
    DRAWS,
    POLICIES,
    View,
    curiosity,
    eubo,
    expected_best,
    pairs_of,
    uncertainty,
)
from models.taste.head import Head, update

SIZE = 4


def make_view(clips: int = 9, seed: int = 0, **changes) -> View:
    x = np.random.default_rng(seed).normal(size=(clips, SIZE))
    head = Head.of(np.zeros(SIZE), 0.5 * np.eye(SIZE), "v1")
    for row in range(3):
        head = update(head, x[row], x[row + 1], "left")
    return View(**({
        "features": x, "head": head, "styles": np.eye(SIZE), "bonus": np.zeros(clips * (clips - 1) // 2),
        "sharpness": 40.0, "seed": (1, 2), "effects": np.zeros(clips),
    } | changes))  # fmt: skip


def test_uncertainty_and_the_best_of_two_are_what_draws_from_the_posterior_say() -> None:
    view = make_view()
    draws = np.random.default_rng(0).multivariate_normal(view.head.mean, view.head.covariance, 100_000)
    utility = draws @ view.features.T
    first, second = pairs_of(9)
    assert uncertainty(view) == pytest.approx((utility[:, first] - utility[:, second]).std(axis=0), rel=0.02)
    best = np.maximum(utility[:, first], utility[:, second]).mean(axis=0)
    assert expected_best(view.utility[first], view.utility[second], view.variance) == pytest.approx(best, abs=0.02)
    assert eubo(view) == pytest.approx(best - best.min(), abs=0.03)


def test_the_expected_best_is_botorchs_eubo() -> None:
    with warnings.catch_warnings():  # its own dependencies still use what torch has deprecated
        warnings.simplefilter("ignore", DeprecationWarning)
        from botorch.acquisition.preference import AnalyticExpectedUtilityOfBestOption
        from botorch.models.pairwise_gp import PairwiseGP

    generator = np.random.default_rng(3)
    x = torch.from_numpy(generator.random((6, 2)))
    model = PairwiseGP(x, torch.tensor([[0, 1], [2, 3], [4, 5]])).eval()
    with torch.no_grad():
        posterior = model.posterior(x)
        covariance = posterior.mvn.covariance_matrix.numpy()
        mean = posterior.mean[:, 0].numpy()
        first, second = pairs_of(6)
        wanted = AnalyticExpectedUtilityOfBestOption(pref_model=model)(
            torch.stack([x[first.copy()], x[second.copy()]], dim=1)
        ).numpy()
    from models.taste.evaluation.policies import eubo_of

    assert eubo_of(mean, covariance) == pytest.approx(wanted, abs=1e-4)


def test_thompson_duels_pair_the_favourites_of_independent_draws() -> None:
    view = make_view(clips=5)
    draws = np.random.default_rng((1, 2)).standard_normal((DRAWS, SIZE))
    favourite = (view.features @ (view.head.mean + draws @ view.root.T).T).argmax(axis=0)
    generator, counts = np.random.default_rng(0), np.zeros((5, 5))
    for _ in range(20_000):  # draw until two differ, from the same posterior draws
        one = other = favourite[generator.integers(DRAWS)]
        while other == one:
            other = favourite[generator.integers(DRAWS)]
        counts[min(one, other), max(one, other)] += 1
    weight = POLICIES["thompson"].weights(view)
    assert weight.sum() == pytest.approx(1)
    assert counts[pairs_of(5)] / 20_000 == pytest.approx(weight, abs=0.015)


def test_where_one_clip_is_everybodys_favourite_there_is_no_duel() -> None:
    sure = Head.of(np.array([1.0, 0, 0, 0]), 1e-9 * np.eye(SIZE), "v1")
    assert POLICIES["thompson"].weights(make_view(head=sure)).sum() == 0


def test_curiosity_is_the_fall_of_variance_that_votes_bring() -> None:
    view = make_view(clips=6, styles=np.array([[0.0, 1.0, 0.5, 0.0]]))
    first, second = pairs_of(6)
    before = float(view.styles[0] @ view.head.covariance @ view.styles[0])
    found = []
    for a, b in zip(first, second, strict=True):
        d = view.features[a] - view.features[b]
        towards = view.head.covariance @ d
        half = float(d @ view.head.mean) / 2
        total = np.exp(half) + np.exp(-half) + np.exp(view.head.tie)
        information = (1 - np.exp(view.head.tie) / total) / 4 - (np.sinh(half) / total) ** 2
        after = np.linalg.inv(np.linalg.inv(view.head.covariance) + information * np.outer(d, d))
        assert after == pytest.approx(
            view.head.covariance - np.outer(towards, towards) * information / (1 + information * d @ towards)
        )
        found.append(before - float(view.styles[0] @ after @ view.styles[0]))
    assert curiosity(view) == pytest.approx(np.array(found) / before, rel=1e-3)
