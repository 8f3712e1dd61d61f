"""How far a map can be trusted, and what really lies together: figures of the original space beside the picture.

Trustworthiness: Venna & Kaski 2001, as in scikit-learn. kNN purity: share of a point's nearest neighbours that bear its
label. Silhouette: Rousseeuw 1987. Each stands beside what chance would give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.atlas.projection import FloatArray, IntArray, Neighbours, nearest
from models.music.corpora import Tell, silent

NEAREST = 10
MOST_RANKED = 4_000  # points whose neighbours' ranks are looked at: sorting all of 20,000 would take minutes
MOST_SILHOUETTES = 2_000
LEAST_LABELLED = 20
RARE = 5  # labels of fewer points are left out of purity and silhouette
ROWS_AT_ONCE = 256
RANKED_SHARE = 0.8  # of the time that ``judge`` takes, about, for trustworthiness


@dataclass(frozen=True)
class Figure:
    """A figure and what chance gives, of ``n`` points; None where it can't be told."""

    value: float | None
    chance: float | None
    n: int


@dataclass(frozen=True)
class ColourQuality:
    """What a colouring says: purity in the original space, the same in the picture, silhouette in the original."""

    purity: Figure
    purity_in_picture: Figure
    silhouette: Figure


@dataclass(frozen=True)
class Quality:
    """Of a map: how true its neighbourhoods are, and each colouring's figures; ``k`` neighbours everywhere."""

    k: int
    trustworthiness: Figure
    colours: Mapping[str, ColourQuality]

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries."""
        return asdict(self)


def judge(
    vectors: FloatArray,
    places: FloatArray,
    colours: Mapping[str, Sequence[str]],
    seed: int,
    neighbours: Neighbours | None = None,
    *,
    tell: Tell = silent,
) -> Quality:
    """All figures of a map of ``vectors`` ``(n, d)`` at ``places`` ``(n, 2)``; a label "" is unknown and left out.

    ``neighbours``: at least ``NEAREST`` of each in the original space, where they are known.
    """
    k = min(NEAREST, (len(vectors) - 1) // 2)
    original = neighbours.index[:, :k] if neighbours else nearest(vectors, k).index
    drawn = nearest(places, k).index
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(vectors))[:MOST_RANKED])
    shuffled = nearest(places[rng.permutation(len(places))], k).index
    trust = trustworthiness(vectors, drawn[rows], rows, lambda share: tell(RANKED_SHARE * share / 2))
    chance = trustworthiness(vectors, shuffled[rows], rows, lambda share: tell(RANKED_SHARE * (1 + share) / 2))
    told = {}
    for number, (name, labels) in enumerate(colours.items()):
        tell(RANKED_SHARE + (1 - RANKED_SHARE) * number / len(colours))
        known = common(labels)
        value = silhouette(vectors, known, seed)
        told[name] = ColourQuality(purity(original, known), purity(drawn, known), value)
    return Quality(k, Figure(trust, chance, len(rows)), told)


def trustworthiness(vectors: FloatArray, drawn: IntArray, rows: IntArray, tell: Tell = silent) -> float:
    """How rarely points that lie together in the picture are strangers in the original space: 0 to 1.

    ``drawn`` int64 ``(rows, k)``: the nearest in the picture of the points ``rows``. Each of them that is not among the
    k nearest of ``vectors`` ``(n, d)`` costs by how much farther it is in ranks.
    """
    n, k = len(vectors), drawn.shape[1]
    squares = (vectors.astype(np.float64) ** 2).sum(1)
    cost = 0
    for start in range(0, len(rows), ROWS_AT_ONCE):
        tell(start / len(rows))
        part = rows[start : start + ROWS_AT_ONCE]
        distance = squares[None, :] - 2 * (vectors[part].astype(np.float64) @ vectors.T.astype(np.float64))
        distance[np.arange(len(part)), part] = -np.inf
        order = np.argsort(distance, axis=1, kind="stable")
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(n)[None, :], axis=1)
        theirs = np.take_along_axis(rank, drawn[start : start + ROWS_AT_ONCE], axis=1)
        cost += int(np.maximum(theirs - k, 0).sum())
    worst = len(rows) * k * (2.0 * n - 3.0 * k - 1.0)
    return float(1.0 - 2.0 * cost / worst)


def common(labels: Sequence[str]) -> npt.NDArray[np.str_]:
    """The labels with those of fewer than ``RARE`` points made unknown: ``(n,)``, "" for unknown."""
    known = np.asarray(labels, dtype=np.str_)
    names, counts = np.unique(known, return_counts=True)
    return np.where(np.isin(known, names[counts < RARE]), "", known)


def purity(neighbours: IntArray, labels: npt.NDArray[np.str_]) -> Figure:
    """Share of labelled neighbours ``(n, k)`` that bear a point's own label, mean over labelled points.

    Chance is exact: what it would be among the labelled points if labels were dealt out at random.
    """
    known = labels != ""
    theirs = labels[neighbours]
    counted = (theirs != "") & known[:, None]
    asked = counted.any(1)
    total = int(known.sum())
    if total < LEAST_LABELLED or not asked.any():
        return Figure(None, None, total)
    same = ((theirs == labels[:, None]) & counted).sum(1)[asked] / counted.sum(1)[asked]
    _, counts = np.unique(labels[known], return_counts=True)
    chance = float((counts * (counts - 1)).sum() / (total * (total - 1)))
    return Figure(float(same.mean()), chance, int(asked.sum()))


def silhouette(vectors: FloatArray, labels: npt.NDArray[np.str_], seed: int) -> Figure:
    """Mean silhouette (-1 to 1) of at most ``MOST_SILHOUETTES`` labelled points, and that of shuffled labels."""
    from sklearn.metrics import silhouette_score  # noqa: PLC0415 (a moment to import)

    rng = np.random.default_rng(seed)
    rows = np.flatnonzero(labels != "")
    rows = np.sort(rng.permutation(rows)[:MOST_SILHOUETTES])
    dealt = common(labels[rows].tolist())
    rows, dealt = rows[dealt != ""], dealt[dealt != ""]
    if len(rows) < LEAST_LABELLED or len(np.unique(dealt)) < 2:
        return Figure(None, None, len(rows))
    value = float(silhouette_score(vectors[rows], dealt))
    return Figure(value, float(silhouette_score(vectors[rows], rng.permutation(dealt))), len(rows))
