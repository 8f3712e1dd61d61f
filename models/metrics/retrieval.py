"""How well queries find their items: reciprocal rank, (n)DCG, recall, ranks, with the exact figures of chance.

A query may have several right items; any of them is right, so ranks, reciprocal rank and recall go by the best of them,
as TREC's reciprocal rank and success@k do; (n)DCG counts all (Järvelin & Kekäläinen 2002, binary gain, log2 discount).
Ties are broken at random: broken by order, a model that says the same of everything would look good or bad by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Ranking:
    """What became of each query, all ``(queries,)``: best rank of a right item (from 1), DCG, nDCG, right items."""

    best: Ints
    dcg: Floats
    ndcg: Floats
    right: Ints
    pool: int

    def __len__(self) -> int:
        return len(self.best)


MEASURES: Mapping[str, Callable[[Ranking, Ints], float]] = {
    "mrr": lambda found, rows: float((1 / found.best[rows]).mean()),
    "dcg": lambda found, rows: float(found.dcg[rows].mean()),
    "ndcg": lambda found, rows: float(found.ndcg[rows].mean()),
    "recall_1": lambda found, rows: float((found.best[rows] <= 1).mean()),
    "recall_5": lambda found, rows: float((found.best[rows] <= 5).mean()),
    "recall_10": lambda found, rows: float((found.best[rows] <= 10).mean()),
    "median_rank": lambda found, rows: float(np.median(found.best[rows])),
    "mean_log_rank": lambda found, rows: float(np.log(found.best[rows]).mean()),
}


def ranked(scores: npt.ArrayLike, right: npt.ArrayLike, seed: int) -> Ranking:
    """Queries ranked by ``scores`` ``(queries, items)``, where ``right`` (same shape) says which items are right.

    Raises ``ValueError`` where a query has no right item, a score is not finite, or the shapes differ.
    """
    places, truth = positions(scores, seed), np.asarray(right, dtype=np.bool_)
    if truth.shape != places.shape:
        raise ValueError(f"scores {places.shape} and right items {truth.shape} must have one shape")
    count = truth.sum(1)
    if (count == 0).any():
        raise ValueError(f"{int((count == 0).sum())} queries have no right item; each needs one at least")
    gain = np.where(truth, 1 / np.log2(places + 1), 0.0).sum(1)
    best = np.where(truth, places, places.shape[1] + 1).min(1)
    return Ranking(best, gain, gain / _ideal(truth.shape[1])[count], count, truth.shape[1])


def positions(scores: npt.ArrayLike, seed: int) -> Ints:
    """The rank of every item, 1 for the highest score, ties in random order: int64 ``(queries, items)``."""
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 2 or not np.isfinite(values).all():
        raise ValueError(f"scores of shape {values.shape}: a table (queries, items) of finite numbers is needed")
    order = np.lexsort((np.random.default_rng(seed).random(values.shape), -values), axis=1)
    places = np.empty_like(order)
    np.put_along_axis(places, order, np.arange(1, values.shape[1] + 1)[None], axis=1)
    return places


def measures(found: Ranking, rows: Ints | None = None) -> dict[str, float]:
    """Every measure over the queries ``rows`` (all of them without)."""
    chosen = np.arange(len(found)) if rows is None else rows
    return {name: measure(found, chosen) for name, measure in MEASURES.items()}


def chance(right: npt.ArrayLike, pool: int) -> dict[str, float]:
    """What a random order gives on average, exactly, for queries with ``right`` ``(queries,)`` right items of ``pool``.

    The best of k items among n has rank r with probability C(n - r, k - 1) / C(n, k). The median rank is that of all
    queries' ranks together.
    """
    counts = np.asarray(right, dtype=np.int64)
    ranks = np.arange(1, pool + 1)
    discount, ideal = 1 / np.log2(ranks + 1), _ideal(pool)
    kinds, queries = np.unique(counts, return_counts=True)
    best = sum((n * _best_rank(k, pool) for k, n in zip(kinds, queries, strict=True)), np.zeros(pool)) / len(counts)
    return {
        "mrr": float((best / ranks).sum()),
        "dcg": float(counts.mean() * discount.mean()),
        "ndcg": float((counts / ideal[counts]).mean() * discount.mean()),
        **{f"recall_{k}": float(best[:k].sum()) for k in (1, 5, 10)},
        "median_rank": float(np.searchsorted(np.cumsum(best), 0.5 - 1e-12) + 1),
        "mean_log_rank": float((best * np.log(ranks)).sum()),
    }


def _best_rank(k: int, pool: int) -> Floats:
    """Probability of each best rank ``(pool,)`` of ``k`` items in random order."""
    ranks = np.arange(1, pool - k + 2, dtype=np.float64)
    log_all = gammaln(pool + 1) - gammaln(k + 1) - gammaln(pool - k + 1)
    log_ways = gammaln(pool - ranks + 1) - gammaln(k) - gammaln(pool - ranks - k + 2)
    return np.concatenate([np.exp(log_ways - log_all), np.zeros(k - 1)])


def _ideal(pool: int) -> Floats:
    """DCG of 0, 1, 2, … right items on the first places: ``(pool + 1,)``."""
    return np.append(0.0, np.cumsum(1 / np.log2(np.arange(1, pool + 1) + 1)))


@dataclass(frozen=True)
class Difference:
    """Mean of ``a - b`` over queries, its 95 % bootstrap interval over groups, and p of a sign-flip test."""

    value: float
    low: float
    high: float
    p: float


def paired_difference(
    a: npt.ArrayLike, b: npt.ArrayLike, groups: Sequence[str], *, seed: int = 0, draws: int = 10_000
) -> Difference:
    """Two models on the same queries, ``(queries,)`` each (reciprocal ranks, say); whole ``groups`` are drawn together.

    p is two-sided, by flipping signs of whole groups at random (Fisher's randomisation test; Smucker et al. 2007 for
    retrieval), itself among the draws, so never 0.
    """
    difference = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    names, owner = np.unique(np.asarray(groups), return_inverse=True)
    if difference.ndim != 1 or owner.shape != difference.shape or len(difference) == 0:
        raise ValueError(f"differences {difference.shape} of queries in groups {owner.shape}: one group a query")
    sums, sizes = np.bincount(owner, difference), np.bincount(owner)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    low, high = np.quantile((drawn @ sums) / (drawn @ sizes), [0.025, 0.975])
    flipped = np.abs((2 * rng.integers(2, size=(draws, len(names)), dtype=np.int8) - 1) @ sums)
    p = (1 + (flipped >= abs(sums.sum()) - 1e-12).sum()) / (1 + draws)
    return Difference(float(difference.mean()), float(low), float(high), float(p))
