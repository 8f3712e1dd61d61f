"""Nearest neighbours, exact and the same on every run: every later step of a map starts from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.music.progress import Tell, silent

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

ROWS_AT_ONCE = 512
SPARE = 8  # candidates beyond k: products of float32 order near ties wrongly, differences don't


@dataclass(frozen=True)
class Neighbours:
    """``index`` int64 ``(queries, k)`` and Euclidean ``distance`` float32 ``(queries, k)``, nearest first."""

    index: IntArray
    distance: FloatArray


def nearest(vectors: FloatArray, k: int, queries: FloatArray | None = None, tell: Tell = silent) -> Neighbours:
    """The ``k`` nearest of ``vectors`` ``(n, d)`` to each query ``(q, d)``; of equal ones that of the lower index.

    Without ``queries`` every vector asks for its neighbours and is none of its own. Raises ``ValueError`` where there
    are fewer than ``k`` others.
    """
    own = queries is None
    asked = vectors if queries is None else queries
    there = len(vectors) - own
    if not 1 <= k <= there:
        raise ValueError(f"{k} neighbours were asked for; there are {there} other points")
    middle = vectors.mean(0, dtype=np.float64)  # far from the origin float32 would tell near points apart wrongly
    centred = (vectors - middle).astype(np.float32)
    squares = (centred**2).sum(1)
    index = np.empty((len(asked), k), dtype=np.int64)
    distance = np.empty((len(asked), k), dtype=np.float32)
    kept = min(len(vectors), k + own + SPARE)
    for start in range(0, len(asked), ROWS_AT_ONCE):
        tell(start / len(asked))
        rows = slice(start, min(start + ROWS_AT_ONCE, len(asked)))
        part = asked[rows]
        rough = squares[None, :] - 2 * ((part - middle).astype(np.float32) @ centred.T)
        if own:
            rough[np.arange(len(part)), np.arange(rows.start, rows.stop)] = np.inf
        candidates = np.sort(np.argpartition(rough, kept - 1, axis=1)[:, :kept], axis=1)
        exact = np.linalg.norm(vectors[candidates].astype(np.float64) - part[:, None], axis=2)
        if own:
            exact[candidates == np.arange(rows.start, rows.stop)[:, None]] = np.inf
        order = np.argsort(exact, axis=1, kind="stable")[:, :k]
        index[rows] = np.take_along_axis(candidates, order, axis=1)
        distance[rows] = np.take_along_axis(exact, order, axis=1)
    return Neighbours(index, distance)
