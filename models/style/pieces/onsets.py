"""In which order the notes of an onset come: upwards, or its outer voices first.

Upwards, the highest note takes what the others leave. Harmony is taught the other way: the melody, the bass, and then
what lies between them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.music.tokens import BAR, LOWEST_PITCH, PITCH, PITCHES, POSITION, TokenArray

IntArray = npt.NDArray[np.int64]
NOWHERE = -1


def upwards(tokens: TokenArray) -> TokenArray:
    """Steps ``(steps, 7)`` with the notes of each onset from the lowest to the highest, as ``to_tokens`` has them."""
    return tokens[np.lexsort((tokens[:, PITCH], *_places(tokens)))]


def outer_first(tokens: TokenArray) -> TokenArray:
    """Steps ``(steps, 7)`` with the highest note of each onset first, then the lowest, then the others upwards."""
    tokens = upwards(tokens)
    place, bar = _places(tokens)
    follows = (np.diff(place) == 0) & (np.diff(bar) == 0)
    highest = np.append(~follows, True)
    return tokens[np.lexsort((tokens[:, PITCH], ~highest, place, bar))]


def _places(tokens: TokenArray) -> tuple[IntArray, IntArray]:
    """The position of each step in its bar, -1 for the BAR step itself, and the bar's number."""
    is_bar = tokens[:, POSITION] == BAR
    return np.where(is_bar, NOWHERE, tokens[:, POSITION].astype(np.int64)), np.cumsum(is_bar)


class Onsets:
    """Of pieces side by side: the onset that each is at, its first note, its last one, and how many it has.

    ``outer``: whether its outer voices come first.
    """

    def __init__(self, rows: int, *, outer: bool) -> None:
        self.outer = outer
        # (rows, 4): position, the first pitch and the last in classes, how many notes
        self._at = np.full((rows, 4), NOWHERE, dtype=np.int64)

    def follow(self, step: IntArray) -> None:
        """Note a step ``(rows, 7)`` of each piece."""
        position, pitch = step[:, POSITION], step[:, PITCH] - LOWEST_PITCH
        at, first, _, count = self._at.T
        goes_on = position == at
        fresh = np.stack([position, np.where(goes_on, first, pitch), pitch, np.where(goes_on, count + 1, 1)], 1)
        self._at = np.where((position < BAR)[:, None], fresh, NOWHERE)

    def choose(self, source: IntArray) -> None:
        """Each piece goes on as the one that ``source`` ``(rows,)`` names."""
        self._at = self._at[source]

    def between(self, position: IntArray) -> tuple[IntArray, IntArray]:
        """The pitches (classes) between which a note at ``position`` ``(rows,)`` lies, neither of them; ``(rows,)``."""
        at, first, last, count = self._at.T
        here = at == position
        below = here & ((count > 1) | (not self.outer))
        above = here & self.outer
        return np.where(below, last, NOWHERE), np.where(above, first, PITCHES)

    def room(self) -> npt.NDArray[np.bool_]:
        """Whether there is a pitch for another note at the onset that each piece is at: ``(rows,)``."""
        low, high = self.between(self._at[:, 0])
        return low + 1 < high
