"""What one set of numbers tells of another, against scikit-learn."""

import numpy as np
import pytest
from sklearn.cross_decomposition import CCA
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.metrics.disentanglement import (
    PENALTIES,
    canonical_scores,
    correlation,
    errors_of_reading,
    first_pair,
    folds_of,
    share_read,
)

ROWS = 300
POP = np.full(ROWS, "pop")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def folds() -> np.ndarray:
    return folds_of([str(row // 3) for row in range(ROWS)])


def test_all_rows_of_a_song_are_in_one_fold_and_folds_are_even(folds) -> None:
    assert (folds.reshape(-1, 3) == folds[::3, None]).all()
    assert np.bincount(folds).tolist() == [60] * 5


def test_the_share_read_is_scikit_learns_cross_validated_one(rng, folds) -> None:
    codes = rng.normal(size=(ROWS, 6)) * [1, 5, 0.1, 1, 1, 1]
    target = codes[:, :2] @ [1.0, -0.3] + rng.normal(size=ROWS)
    found = share_read(*errors_of_reading(codes, target[:, None], POP, folds))
    model = make_pipeline(StandardScaler(), RidgeCV(alphas=PENALTIES))
    assert found == pytest.approx(
        r2_score(target, cross_val_predict(model, codes, target, cv=PredefinedSplit(folds))), abs=0.01
    )


def test_noise_is_not_read_and_many_targets_count_the_same(rng, folds) -> None:
    codes, noise = rng.normal(size=(ROWS, 8)), rng.normal(size=(ROWS, 1))
    assert share_read(*errors_of_reading(codes, noise, POP, folds)) < 0.05
    both = np.hstack([codes[:, :1] * 1000, noise])
    assert share_read(*errors_of_reading(codes, both, POP, folds)) == pytest.approx(0.5, abs=0.05)
    assert np.isnan(share_read(*errors_of_reading(codes, np.ones((ROWS, 1)), POP, folds)))


def test_what_tells_domains_apart_is_not_read(rng, folds) -> None:
    level = np.where(np.arange(ROWS) % 2, 10.0, -10.0)[:, None]
    domains = np.where(np.arange(ROWS) % 2, "pop", "dance")
    codes, target = level + rng.normal(size=(ROWS, 1)), level + rng.normal(size=(ROWS, 1))
    assert share_read(*errors_of_reading(codes, target, POP, folds)) > 0.9
    assert share_read(*errors_of_reading(codes, target, domains, folds)) < 0.05
    assert abs(correlation(*canonical_scores(codes, target, domains, folds))) < 0.2


def test_the_first_canonical_pair_is_scikit_learns(rng) -> None:
    shared = rng.normal(size=(ROWS, 1))
    one = np.hstack([shared + rng.normal(size=(ROWS, 1)), rng.normal(size=(ROWS, 3))]) @ rng.normal(size=(4, 4))
    other = np.hstack([shared + rng.normal(size=(ROWS, 1)), rng.normal(size=(ROWS, 2))]) @ rng.normal(size=(3, 3))
    one, other = one - one.mean(0), other - other.mean(0)
    mine = [z @ weight for z, weight in zip((one, other), first_pair(one, other), strict=True)]
    theirs = CCA(n_components=1, scale=False).fit_transform(one, other)
    assert correlation(*mine) == pytest.approx(np.corrcoef(*[z[:, 0] for z in theirs])[0, 1], abs=1e-4)
    assert [z.std() for z in mine] == pytest.approx([1, 1], abs=1e-3)
