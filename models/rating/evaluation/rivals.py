"""What else could rate: ridge on cepstra, extra trees on statistics of the sound, the mean; fitted inside folds."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Floats = npt.NDArray[np.float64]
Fit = Callable[[Floats, Floats, Floats, int], Callable[[Floats], Floats]]

TREES = 500
PENALTIES = np.logspace(0, 5, 11)


def mean(x: Floats, p: Floats, weight: Floats, seed: int) -> Callable[[Floats], Floats]:
    """The mean of p, whatever it sounds like."""
    del x, seed
    found = float(np.average(p, weights=weight))
    return lambda rows: np.full(len(rows), found)


def ridge(x: Floats, p: Floats, weight: Floats, seed: int) -> Callable[[Floats], Floats]:
    """Ridge regression, its penalty chosen by leaving one track out."""
    del seed
    model = make_pipeline(StandardScaler(), RidgeCV(PENALTIES)).fit(x, p, ridgecv__sample_weight=weight)
    return lambda rows: np.asarray(model.predict(rows), dtype=np.float64)


def trees(x: Floats, p: Floats, weight: Floats, seed: int) -> Callable[[Floats], Floats]:
    """Extremely randomised trees (Geurts, Ernst & Wehenkel 2006)."""
    model = ExtraTreesRegressor(TREES, max_features=1 / 3, min_samples_leaf=2, random_state=seed)
    model.fit(x, p, sample_weight=weight)
    return lambda rows: np.asarray(model.predict(rows), dtype=np.float64)


def crossfitted(
    fit: Fit, x: Floats, p: Floats, weight: Floats, fold: npt.NDArray[np.int64], *, seed: int = 0
) -> Floats:
    """p of each track by a model of the other folds, ``(tracks,)``; ``x`` ``(tracks, features)``."""
    found = np.zeros(len(p))
    for each in np.unique(fold):
        own = fold == each
        found[own] = fit(x[~own], p[~own], weight[~own], seed)(x[own])
    return found


def features(rows: list[Mapping[str, float]]) -> tuple[Floats, Floats]:
    """All statistics ``(tracks, features)``, and the cepstra among them."""
    names = list(rows[0])
    table = np.nan_to_num(np.array([[row[name] for name in names] for row in rows]))
    return table, table[:, [name.startswith("mfcc_") for name in names]]
