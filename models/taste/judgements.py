"""What listeners said about clips, in rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
