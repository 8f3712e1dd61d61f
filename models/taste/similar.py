"""Similar clips: the nearest neighbours of a clip in the taste space, and a path that leads on from it.

Distances are Euclidean in the taste space, where every named style and every unnamed direction has the same spread.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.taste.likelihood import FloatArray


def nearest(features: npt.ArrayLike, start: npt.ArrayLike, count: int) -> list[int]:
    """Indices of the ``count`` clips with ``features`` ``(C, F)`` that are most like ``start`` ``(F,)``, in order."""
    return [int(index) for index in np.argsort(_away(features, start), kind="stable")[:count]]


def similar_path(features: npt.ArrayLike, start: npt.ArrayLike, steps: int) -> list[int]:
    """Indices of at most ``steps`` clips, each the most like the one before of those farther from ``start``."""
    x, here = np.asarray(features, dtype=np.float64), np.asarray(start, dtype=np.float64)
    away, reached, path = _away(x, here), 0.0, list[int]()
    while len(path) < steps and (away > reached).any():
        step = int(np.where(away > reached, _away(x, here), np.inf).argmin())
        path.append(step)
        here, reached = x[step], float(away[step])
    return path


def _away(features: npt.ArrayLike, start: npt.ArrayLike) -> FloatArray:
    distance: FloatArray = np.linalg.norm(np.asarray(features, dtype=np.float64) - np.asarray(start), axis=1)
    return distance
