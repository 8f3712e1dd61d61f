"""Bars that stay note for note while those around them are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.music.tokens import BAR, END, POSITION, TokenArray
from models.style.pieces.conditions import ABSENT, IntArray


@dataclass(frozen=True)
class Held:
    """``bars`` (counted from 0) of the music in ``tokens`` ``(steps, 7)``, which has as many as are to be written."""

    tokens: TokenArray
    bars: tuple[int, ...]


class HeldBars:
    """Of pieces that are written side by side: the steps that come in place of what is drawn; ``held`` has one each."""

    def __init__(self, held: Sequence[Held]) -> None:
        begins = [np.flatnonzero(each.tokens[:, POSITION] == BAR)[1:] for each in held]
        self._bars = [np.split(each.tokens.astype(np.int64), at) for each, at in zip(held, begins, strict=True)]
        self._stay = [{*each.bars} for each in held]
        self._bar, self._steps = (np.full(len(held), value, dtype=np.int64) for value in (-1, 0))

    def instead(self, drawn: IntArray, ended: npt.NDArray[np.bool_]) -> IntArray:
        """The next step of each piece ``(rows, 7)``: as ``drawn``, or what stays; noted as having come."""
        step = drawn.copy()
        for row in np.flatnonzero(~ended).tolist():
            step[row] = self._next(row, step[row])
        begins = step[:, POSITION] == BAR
        self._bar += begins
        self._steps = np.where(begins, 1, self._steps + 1)
        return step

    def choose(self, source: IntArray) -> None:
        """Each piece goes on as the one that ``source`` ``(rows,)`` names."""
        self._bars, self._stay = [self._bars[row] for row in source], [self._stay[row] for row in source]
        self._bar, self._steps = self._bar[source], self._steps[source]

    def _next(self, row: int, drawn: IntArray) -> IntArray:
        bars, stay, now, steps = self._bars[row], self._stay[row], int(self._bar[row]), int(self._steps[row])
        step: IntArray = drawn
        if now in stay and steps < len(bars[now]):
            step = bars[now][steps]
        elif now in stay and now + 1 == len(bars):
            step = np.array([END, *[ABSENT] * (len(drawn) - 1)])
        elif now in stay or ((now < 0 or drawn[POSITION] == BAR) and now + 1 in stay):
            step = bars[now + 1][0]
        return step
