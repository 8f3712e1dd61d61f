"""Tracks in folds: the same sound is always in one fold, and every kind of p is in each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FOLDS = 5


def folds_of(digests: Sequence[str], p: npt.ArrayLike, *, seed: int = 0, folds: int = FOLDS) -> npt.NDArray[np.int64]:
    """The fold of each track ``(tracks,)``: sounds sorted by p are dealt out like cards, ``folds`` at a time."""
    names, owner = np.unique(np.asarray(digests), return_inverse=True)
    values = np.bincount(owner, np.asarray(p, dtype=np.float64)) / np.bincount(owner)
    order = np.lexsort((names, values))
    rng = np.random.default_rng([seed, 7])
    fold = np.empty(len(names), dtype=np.int64)
    for start in range(0, len(order), folds):
        dealt = order[start : start + folds]
        fold[dealt] = rng.permutation(folds)[: len(dealt)]
    return np.asarray(fold[owner])
