"""How much one set of numbers tells of another, on songs that the reading was not fitted on.

Two readings: a ridge regression of targets on codes, and the first canonical pair of two sets of codes (Hotelling
1936). Both are fitted on the other folds, which never divide a song, and within domains: every domain's mean in the
training folds is taken away, since how pop differs from dance tunes is known anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import RidgeCV

from models.music.notes import MusicError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Labels = npt.NDArray[np.str_]
FOLDS = 5
PENALTIES = tuple(np.logspace(-1, 5, 13).tolist())
SHRINKAGE = 1e-6  # of a code's variance, against directions that do not vary at all


def folds_of(songs: Sequence[str], seed: int = 0, folds: int = FOLDS) -> Ints:
    """The fold of each row, all rows of a song in one; raises ``MusicError`` on fewer songs than folds."""
    names, owner = np.unique(np.asarray(songs), return_inverse=True)
    if len(names) < folds:
        raise MusicError(f"{len(names)} songs can't be divided into {folds} folds")
    fold = np.random.default_rng(seed).permutation(len(names)) % folds
    return fold[owner].astype(np.int64)


def errors_of_reading(codes: Floats, targets: Floats, domains: Labels, folds: Ints) -> tuple[Floats, Floats]:
    """Squared errors of ``targets`` ``(N, T)`` read from ``codes`` ``(N, D)``, and of their domain's mean: ``(N, T)``.

    Targets are scaled by their typical deviation from their domain's mean first, so that each counts the same; those
    that never deviate have no errors. Each has a penalty of its own, chosen by leaving one row out.
    """
    deviation = np.sqrt(_centred(targets, targets, domains, domains).var(axis=0))
    y = targets * np.where(deviation > 1e-9, 1 / np.maximum(deviation, 1e-9), 0.0)
    missed, mean_missed = np.zeros(y.shape), np.zeros(y.shape)
    for train, test in _parts(folds):
        x_train, x_test = (_centred(codes[part], codes[train], domains[part], domains[train]) for part in (train, test))
        y_train, y_test = (_centred(y[part], y[train], domains[part], domains[train]) for part in (train, test))
        scale = np.maximum(x_train.std(axis=0), 1e-9)
        model = RidgeCV(alphas=PENALTIES, alpha_per_target=True).fit(x_train / scale, y_train)
        missed[test] = (y_test - model.predict(x_test / scale).reshape(y_test.shape)) ** 2
        mean_missed[test] = y_test**2
    return missed, mean_missed


def share_read(missed: Floats, mean_missed: Floats) -> float:
    """R²: 1 less the share of the squared error that reading leaves; not a number where nothing varies."""
    total = float(mean_missed.sum())
    return 1 - float(missed.sum()) / total if total > 1e-9 else float("nan")


def canonical_scores(one: Floats, other: Floats, domains: Labels, folds: Ints) -> tuple[Floats, Floats]:
    """Rows of two sets of codes ``(N, D)``, ``(N, E)`` on the first canonical pair of the other folds: ``(N,)`` each.

    Each score has mean 0 and variance 1 on the rows that the pair was fitted on, and the pair agrees in sign there.
    """
    scores = np.zeros((2, len(one)))
    for train, test in _parts(folds):
        centred = [_centred(z[train], z[train], domains[train], domains[train]) for z in (one, other)]
        weights = first_pair(*centred)
        for row, (z, weight) in enumerate(zip((one, other), weights, strict=True)):
            scores[row, test] = _centred(z[test], z[train], domains[test], domains[train]) @ weight
    return scores[0], scores[1]


def first_pair(one: Floats, other: Floats) -> tuple[Floats, Floats]:
    """Weights ``(D,)``, ``(E,)`` by which two centred sets of codes correlate most; their scores have variance 1."""
    whiten = [_whitening(z) for z in (one, other)]
    across = whiten[0].T @ (one.T @ other / len(one)) @ whiten[1]
    left, _, right = np.linalg.svd(across)
    return whiten[0] @ left[:, 0], whiten[1] @ right[0]


def correlation(one: Floats, other: Floats) -> float:
    """Pearson correlation of scores that are centred already; not a number where one is 0 throughout."""
    size = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float(one @ other) / size if size > 1e-9 else float("nan")


def _whitening(z: Floats) -> Floats:
    scale = np.maximum(z.std(axis=0), 1e-9)
    covariance = (z / scale).T @ (z / scale) / len(z) + SHRINKAGE * np.eye(z.shape[1])
    whitened: Floats = np.linalg.inv(np.linalg.cholesky(covariance)).T / scale[:, None]
    return whitened


def _parts(folds: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Training and test rows of each fold."""
    for fold in np.unique(folds):
        yield np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)


def _centred(values: Floats, known: Floats, domains: Labels, known_domains: Labels) -> Floats:
    """``values`` less the mean of ``known`` rows of their domain, of all known ones where there are none of it."""
    out: Floats = values - known.mean(axis=0)
    for domain in np.unique(known_domains):
        out[domains == domain] = values[domains == domain] - known[known_domains == domain].mean(axis=0)
    return out
