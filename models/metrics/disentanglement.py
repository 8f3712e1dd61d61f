"""How well codes stand for attributes: single dimensions for single attributes, and what a whole code tells.

Codes are ``(points, dims)``, attributes ``(points, attributes)``, both continuous. Mutual information is estimated by
nearest neighbours (Kraskov et al. 2004, as scikit-learn does), which is what AR-VAE's published figures use (Pati &
Lerch 2021, their ``utils/evaluation.py``). The estimate breaks where points are drawn twice: use no bootstrap on it.

Leakage is how much one set of numbers tells of another, on songs that the reading was not fitted on. Two readings: a
ridge regression of targets on codes, and the first canonical pair of two sets of codes (Hotelling 1936). Both are
fitted on the other folds, which never divide a song, and within domains: every domain's mean in the training folds is
taken away, since how pop differs from dance tunes is known anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from sklearn.feature_selection import mutual_info_regression
from sklearn.linear_model import RidgeCV

from models.music.notes import MusicError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Labels = npt.NDArray[np.str_]

CONSTANT = 1e-12  # variance below which a dimension says nothing

FOLDS = 5
PENALTIES = tuple(np.logspace(-1, 5, 13).tolist())
SHRINKAGE = 1e-6  # of a code's variance, against directions that do not vary at all


@dataclass(frozen=True)
class Disentanglement:
    """The five figures of one set of codes, each in 0..1, higher is better."""

    interpretability: float
    scc: float
    mig: float
    sap: float
    modularity: float


def disentanglement(codes: Floats, attributes: Floats, seed: int = 0) -> Disentanglement:
    """All five figures; attributes that do not vary are left out. Raises ``ValueError`` where none varies."""
    codes, attributes = np.asarray(codes, dtype=np.float64), np.asarray(attributes, dtype=np.float64)
    if codes.ndim != 2 or attributes.ndim != 2 or len(codes) != len(attributes) or codes.shape[1] < 2:
        raise ValueError(
            f"codes are {codes.shape} and attributes {attributes.shape}; rows must agree, two codes at least"
        )
    attributes = attributes[:, attributes.var(0) > CONSTANT]
    if attributes.shape[1] == 0:
        raise ValueError("no attribute varies; at least one must")
    information = mutual_information(codes, attributes, seed)
    return Disentanglement(
        interpretability(codes, attributes, information),
        scc(codes, attributes),
        mig(information, entropy(attributes, seed)),
        sap(codes, attributes),
        modularity(information),
    )


def mutual_information(codes: Floats, attributes: Floats, seed: int = 0) -> Floats:
    """Nats that each code tells of each attribute: ``(dims, attributes)``, never negative, 0 for constant codes."""
    columns = [mutual_info_regression(codes, column, random_state=seed) for column in attributes.T]
    found: Floats = np.stack(columns, axis=1)
    found[codes.var(0) <= CONSTANT] = 0.0
    return found


def entropy(attributes: Floats, seed: int = 0) -> Floats:
    """Nats of each attribute, as its information about itself by the same estimate: ``(attributes,)``."""
    return np.array([mutual_info_regression(c[:, None], c, random_state=seed)[0] for c in attributes.T])


def scc(codes: Floats, attributes: Floats) -> float:
    """Spearman correlation coefficient score: mean over attributes of the best |Spearman| over dimensions.

    A code without ties cannot reach 1 for an attribute with ties.
    """
    return float(np.abs(_correlations(rankdata(codes, axis=0), rankdata(attributes, axis=0))).max(0).mean())


def interpretability(codes: Floats, attributes: Floats, information: Floats) -> float:
    """Mean over attributes of R² of a linear regression on the dimension of most mutual information.

    Source: Adel et al. (ICML 2018), as Pati & Lerch compute it; ``information`` ``(dims, attributes)``.
    """
    chosen = information.argmax(0)
    return float((_correlations(codes, attributes)[chosen, np.arange(attributes.shape[1])] ** 2).mean())


def mig(information: Floats, entropies: Floats) -> float:
    """Mutual information gap: between the best and the second dimension, as a share of the attribute's entropy.

    Source: Chen et al., "Isolating sources of disentanglement in VAEs" (NeurIPS 2018).
    """
    ordered = np.sort(information, axis=0)
    return float(((ordered[-1] - ordered[-2]) / np.maximum(entropies, CONSTANT)).mean())


def sap(codes: Floats, attributes: Floats) -> float:
    """Separated attribute predictability: gap of R² between the best and the second dimension, mean over attributes.

    Source: Kumar et al., "Variational inference of disentangled latent concepts" (ICLR 2018).
    """
    ordered = np.sort(_correlations(codes, attributes) ** 2, axis=0)
    return float((ordered[-1] - ordered[-2]).mean())


def modularity(information: Floats) -> float:
    """Mean over dimensions of 1 less the share of information about other attributes than its best one.

    Source: Ridgeway & Mozer, "Learning deep disentangled embeddings" (NeurIPS 2018). Dimensions without information
    score 0, as in AR-VAE's evaluation; with one attribute every other dimension scores 1.
    """
    squares = information**2
    best = squares.max(1)
    others = (squares.sum(1) - best) / max(1, squares.shape[1] - 1)
    return float(np.where(best > 0, 1 - others / np.where(best > 0, best, 1.0), 0.0).mean())


def _correlations(codes: Floats, attributes: Floats) -> Floats:
    """Pearson correlation of each code with each attribute ``(dims, attributes)``; 0 for what does not vary."""
    a, b = codes - codes.mean(0), attributes - attributes.mean(0)
    scale = np.sqrt(np.outer((a**2).sum(0), (b**2).sum(0)))
    live = np.outer(codes.var(0) > CONSTANT, attributes.var(0) > CONSTANT)
    found: Floats = np.where(live, (a.T @ b) / np.where(live, scale, 1.0), 0.0)
    return found


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
