"""What listeners said about clips, in rows and in blocks of one listener each, and how blocks add up over clips."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from models.taste.ordinal import levels_of

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

NOBODY = -1  # the right clip of a rating


@dataclass(frozen=True)
class Judgements:
    """What listeners said: int64 ``listener``, ``left``, ``right`` ``(n,)`` and ``value`` ``(n,)``.

    A rating has no right clip (``NOBODY``) and its rating as value; a vote is 1 (left), 0 (equal) or -1 (right).
    Raises ``ValueError`` where the two are mixed or shapes differ.
    """

    listener: IntArray
    left: IntArray
    right: IntArray
    value: FloatArray

    def __post_init__(self) -> None:
        if not len(self.listener) == len(self.left) == len(self.right) == len(self.value):
            raise ValueError("judgements need one listener, left clip, right clip and value each")
        rated = self.right == NOBODY
        if rated.any() and not rated.all():
            raise ValueError("judgements are ratings or votes, not both")

    def __len__(self) -> int:
        return len(self.listener)

    @property
    def rated(self) -> bool:
        """Whether these are ratings."""
        return bool(len(self)) and bool((self.right == NOBODY).all())

    def choose(self, rows: npt.ArrayLike) -> Judgements:
        """Only some of the rows (indices or a mask)."""
        at = np.asarray(rows)
        at = at if at.dtype == bool else at.astype(np.int64)
        return Judgements(self.listener[at], self.left[at], self.right[at], self.value[at])


@dataclass(frozen=True)
class Blocks:
    """Judgements by listener, padded: ``left``, ``right`` (C where there is none), ``value`` and ``mask`` ``(P, n)``.

    ``value`` is a rating's level or a vote. ``quantiles``: normal quantiles between the rating levels.
    """

    names: IntArray
    left: IntArray
    right: IntArray
    value: FloatArray
    mask: npt.NDArray[np.bool_]
    rated: bool
    quantiles: FloatArray
    rating_levels: FloatArray

    @classmethod
    def of(cls, judgements: Judgements, clips: int) -> Blocks:
        """Group by listener; listeners in ascending order."""
        value, quantiles, rating_levels = judgements.value, np.zeros(0), np.zeros(0)
        if judgements.rated:
            level, quantiles = levels_of(judgements.value)
            rating_levels = np.array([judgements.value[level == k].min() for k in range(int(level.max()) + 1)])
            value = level.astype(np.float64)
        names, owner = np.unique(judgements.listener, return_inverse=True)
        order = np.argsort(owner, kind="stable")
        counts = np.bincount(owner)
        place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        shape = (len(names), int(counts.max()))
        left, right = np.full(shape, clips, dtype=np.int64), np.full(shape, clips, dtype=np.int64)
        values, mask = np.zeros(shape), np.zeros(shape, dtype=np.bool_)
        row = owner[order]
        left[row, place] = judgements.left[order]
        right[row, place] = np.where(judgements.right[order] == NOBODY, clips, judgements.right[order])
        values[row, place] = value[order]
        mask[row, place] = True
        return cls(names, left, right, values, mask, judgements.rated, quantiles, rating_levels)

    def take(self, rows: IntArray) -> Blocks:
        """Only some listeners."""
        some = {name: getattr(self, name)[rows] for name in ("names", "left", "right", "value", "mask")}
        return replace(self, **some)


def between(padded: FloatArray, a: IntArray, b: IntArray, c: IntArray, d: IntArray) -> FloatArray:
    """Covariance of ``a - b`` with ``c - d`` ``(..., n, m)`` from ``(C + 1, C + 1)`` whose last row is zero."""
    i, j, k, m = a[..., :, None], b[..., :, None], c[..., None, :], d[..., None, :]
    value: FloatArray = padded[i, k] - padded[i, m] - padded[j, k] + padded[j, m]
    return value


def scatter(left: IntArray, right: IntArray, square: FloatArray, clips: int) -> FloatArray:
    """Sum over listeners of Z' square Z, ``(C, C)``; Z has 1 at ``left`` and -1 at ``right`` ``(P, n)``."""
    total = np.zeros((clips + 1) ** 2)
    for a, sign_a in ((left, 1.0), (right, -1.0)):
        for b, sign_b in ((left, 1.0), (right, -1.0)):
            at = a[:, :, None] * (clips + 1) + b[:, None, :]
            total += sign_a * sign_b * np.bincount(at.ravel(), square.ravel(), (clips + 1) ** 2)
    return total.reshape(clips + 1, clips + 1)[:clips, :clips]


def scatter_rows(left: IntArray, right: IntArray, rows: FloatArray, clips: int) -> FloatArray:
    """Sum over listeners of Z' rows, ``(C,)``."""
    plus = np.bincount(left.ravel(), rows.ravel(), clips + 1)
    return np.asarray((plus - np.bincount(right.ravel(), rows.ravel(), clips + 1))[:clips], dtype=np.float64)
