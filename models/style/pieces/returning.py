"""What was heard in a bar that comes again is made likelier, so that a section returns, varied.

A piece model is told how many bars back a bar was heard. The bar itself may lie before its context, though, and even
where it does not, pop piano copies far less of it than real music. Here the notes of all bars are remembered, and the
logits of the next one that is to come again are raised by a constant: a copying mechanism (of language models: See et
al. 2017) that needs no training.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.music.tokens import BAR, DURATION, PITCH, PITCHES, POSITION, POSITIONS
from models.style.pieces.conditions import ABSENT, CLASSES, LOWEST, IntArray

COPIED = (POSITION, PITCH, DURATION)  # how loud a note is stays the model's choice

Note = tuple[int, int, int]  # position, pitch and duration, in classes


class Returning:
    """Of pieces side by side: the notes of all their bars, and those of the bar that each hears again just now."""

    def __init__(self, rows: int) -> None:
        self._bars: list[dict[int, list[Note]]] = [{} for _ in range(rows)]  # by number
        self._again = np.full((rows, POSITIONS, PITCHES), ABSENT, dtype=np.int64)  # durations
        self._last = np.full((rows, 2), ABSENT, dtype=np.int64)  # position and pitch, in the bar that is being written

    def follow(self, step: IntArray, number: IntArray, returns: IntArray) -> None:
        """Note a step ``(rows, 7)`` of each piece, in its bar ``number`` ``(rows,)``.

        ``returns`` ``(rows,)`` is how many bars back that bar was heard; where it is new (0), or nothing is told of it
        (-1), nothing is heard again, nor a bar that was heard twice just before.
        """
        for row, (position, pitch, duration) in enumerate((step - LOWEST)[:, list(COPIED)].tolist()):
            now, back, bars = int(number[row]), int(returns[row]), self._bars[row]
            if position == BAR:
                bars[now] = []
                self._again[row], self._last[row] = ABSENT, ABSENT
                again = bars.get(now - back, []) if back > 0 else []
                struck = [[note[:2] for note in bars.get(each, [])] for each in (now - 2, now - 1, now - back)]
                for at, key, held in again if struck[0] != struck[1] or struck[1] != struck[2] else []:
                    self._again[row, at, key] = held
            elif position < BAR:
                bars[now].append((position, pitch, duration))
                self._last[row] = position, pitch

    def choose(self, source: IntArray) -> None:
        """Each piece goes on as the one that ``source`` ``(rows,)`` names."""
        self._bars = [{number: [*notes] for number, notes in self._bars[row].items()} for row in source.tolist()]
        self._again, self._last = self._again[source], self._last[source]

    def expected(self, element: int, step: IntArray) -> npt.NDArray[np.float32]:
        """1 for the class of an element of ``COPIED`` that would be heard next, 0 for all others: ``(rows, classes)``.

        ``step`` ``(rows, 7)`` is as much of the next step as is drawn, in classes. Notes at one onset go upwards: one
        that was passed over doesn't come any more.
        """
        found = np.zeros((len(step), CLASSES[element]), dtype=np.float32)
        for row, (at, key) in enumerate(step[:, [POSITION, PITCH]].tolist()):
            again, (last_at, last_key) = self._again[row], self._last[row].tolist()
            if element == POSITION:
                first = max(last_at, 0)
                to_come = again[first:] != ABSENT
                to_come[0] &= (np.arange(PITCHES) > last_key) | (last_at != first)
                places = first + np.flatnonzero(to_come.any(axis=1))
            elif at >= BAR or (element == DURATION and again[at, key] == ABSENT):
                continue
            elif element == PITCH:
                lowest = last_key + 1 if at == last_at else 0
                places = lowest + np.flatnonzero(again[at, lowest:] != ABSENT)
            else:
                places = again[at, [key]]
            found[row, places[:1]] = 1
        return found
