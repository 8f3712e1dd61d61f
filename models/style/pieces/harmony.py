"""The harmony that was heard some bars back is made likelier, so that chords come again where the melody is new.

Pop goes round the same chords with ever other notes. A piece model stays near to what was heard just before: its bars
are too like their neighbours, and no more like those a section back than like others. So the logits of pitches are
raised for the pitch classes of the bar that lies as far back as the form says, and lowered for what is heard around
that bar anyway.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.music.tokens import BAR, LENGTH, LOWEST_PITCH, PITCH, PITCHES, POSITION
from models.style.pieces.conditions import IntArray

USUAL = 8  # bars back, until a bar of the form comes again from farther than its neighbours
NEIGHBOURS = 4  # bars on either side, with which a bar is compared; what comes again from nearer is no section
ENOUGH = 2  # notes of a pitch class in half a bar

Floats = npt.NDArray[np.float32]


class Harmony:
    """Of pieces side by side: the pitch classes of both halves of all their bars, and what is likelier just now."""

    def __init__(self, rows: int) -> None:
        self._heard: list[dict[int, Floats]] = [{} for _ in range(rows)]  # (2, 12): notes, by the bar's number
        self._back: IntArray = np.full(rows, USUAL)
        self._half: IntArray = np.zeros(rows, dtype=np.int64)
        self._likelier: Floats = np.zeros((rows, 2, 12), dtype=np.float32)

    def follow(self, step: IntArray, number: IntArray, returns: IntArray) -> None:
        """Note a step ``(rows, 7)`` of each piece, in its bar ``number`` ``(rows,)``.

        ``returns`` ``(rows,)`` is how many bars back that bar was heard; where it is new (0), or nothing is told of it
        (-1), its harmony is that of the bar as far back as one came again before.
        """
        for row, (position, pitch, length) in enumerate(step[:, [POSITION, PITCH, LENGTH]].tolist()):
            now, back, heard = int(number[row]), int(returns[row]), self._heard[row]
            if position == BAR:
                self._half[row] = length // 2
                if back >= NEIGHBOURS:
                    self._back[row] = back
                self._likelier[row] = _apart(heard, now - (back if back > 0 else int(self._back[row])))
                heard[now] = np.zeros((2, 12), dtype=np.float32)
            elif position < BAR:
                heard[now][int(position >= self._half[row]), (pitch - LOWEST_PITCH) % 12] += 1

    def choose(self, source: IntArray) -> None:
        """Each piece goes on as the one that ``source`` ``(rows,)`` names."""
        self._heard = [{number: each.copy() for number, each in self._heard[row].items()} for row in source.tolist()]
        self._back, self._half = self._back[source], self._half[source]
        self._likelier = self._likelier[source]

    def likelier(self, position: IntArray) -> Floats:
        """How much likelier each pitch is for a note at ``position`` ``(rows,)``: ``(rows, PITCHES)``, from -1 to 1."""
        half = (position >= self._half).astype(np.int64)
        return self._likelier[np.arange(len(position)), half][:, np.arange(PITCHES) % 12]


def _apart(heard: dict[int, Floats], number: int) -> Floats:
    """The pitch classes of a bar's halves, ``(2, 12)``, less their mean in the bars around it; 0 where it is none."""
    if number not in heard:
        return np.zeros((2, 12), dtype=np.float32)
    around = [heard[bar] for bar in range(number - NEIGHBOURS, number + NEIGHBOURS + 1) if bar in heard]
    shares = np.minimum(np.stack(around), ENOUGH) / ENOUGH
    found: Floats = np.minimum(heard[number], ENOUGH) / ENOUGH - shares.mean((0, 1))
    return found
