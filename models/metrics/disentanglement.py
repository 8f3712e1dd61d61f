"""How well single latent dimensions stand for single attributes, and for nothing else.

Codes are ``(points, dims)``, attributes ``(points, attributes)``, both continuous. Mutual information is estimated by
nearest neighbours (Kraskov et al. 2004, as scikit-learn does), which is what AR-VAE's published figures use (Pati &
Lerch 2021, their ``utils/evaluation.py``). The estimate breaks where points are drawn twice: use no bootstrap on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from sklearn.feature_selection import mutual_info_regression

Floats = npt.NDArray[np.float64]
CONSTANT = 1e-12  # variance below which a dimension says nothing


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
