from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from models.tension.heads import BACK, COMPONENTS, FREE, BarPredictor, Coming, Points
from models.tension.training import fitted


def pieces(count: int, seed: int, *, period: int) -> Coming:
    """Pieces whose bars come again after ``period`` bars; what is heard says nothing."""
    rng = np.random.default_rng(seed)
    points = [np.tile(rng.normal(size=(period, COMPONENTS)), (6, 1)).astype(np.float32) for _ in range(count)]
    heard = [np.ones((len(each), 3), dtype=np.float32) for each in points]
    return Coming.of(heard, points, [np.ones(len(each), dtype=bool) for each in points], 1)


def test_the_density_is_that_of_the_mixture() -> None:
    torch.manual_seed(1)
    rows = pieces(2, 0, period=3)
    head = BarPredictor(3, 8).eval()
    with torch.inference_mode():
        weight, mean, width = (each[5].double().numpy() for each in head.mixture(rows))
        found = float(head.surprise(rows)[5])
    came = rows.came[5].double().numpy()
    parts = [
        np.exp(share) * multivariate_normal(middle, np.diag(np.exp(2 * log))).pdf(came)
        for share, middle, log in zip(weight, mean, width, strict=True)
    ]
    assert len(parts) == FREE + BACK
    assert found == pytest.approx(-np.log(sum(parts)), rel=1e-4)


@pytest.mark.slow
def test_a_bar_that_comes_back_is_found_by_its_lag_and_by_no_other() -> None:
    train, other = pieces(30, 0, period=3), pieces(10, 1, period=3)

    def nats(lags: tuple[int, ...]) -> tuple[float, float]:
        head = fitted(
            BarPredictor(3, 0, lags), lambda fit, rows: fit.surprise(rows), train, other,
            count=len(train.owner), steps=300, seed=0, learning_rate=2e-2,
        )  # fmt: skip
        with torch.inference_mode():
            return float(head.surprise(other).mean()), float(head.uncertainty(other).mean())

    marginal, wrong, right = nats(()), nats((1,)), nats((2,))
    assert right[0] < 0 < min(marginal[0], wrong[0])
    assert right[1] < marginal[1] - 10


def test_bars_before_the_first_are_not_there_and_components_have_variance_one() -> None:
    rows = pieces(1, 0, period=4)
    assert rows.there[0].sum() == 4
    assert torch.equal(rows.back[0, 3], rows.came[0])
    latents = np.random.default_rng(0).normal(size=(200, 30)).astype(np.float32) * np.arange(1, 31, dtype=np.float32)
    found = Points.of(latents)
    np.testing.assert_allclose(found(latents).std(0), 1, atol=1e-3)
    assert 0.5 < found.explained < 1
