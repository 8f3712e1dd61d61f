"""A melody's surprise and uncertainty under two n-gram models: one of all training melodies, one of the piece itself.

A rival after IDyOM (Pearce 2005): what was learned in the long term and what this piece has taught so far, mixed note
by note. Symbols are pairs of interval and time to the next onset (``models.metrics.idiom``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from models.metrics.idiom import MELODY_SYMBOLS, NGram, melody_symbols
from models.music.notes import Piece
from models.music.voices import skyline

Floats = npt.NDArray[np.float64]
ORDER = 3  # symbols together in the piece's own model


class Melodies:
    """The long-term model, of the top lines of ``pieces``."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self.long_term = NGram.fit((melody_symbols(skyline(piece)) for piece in pieces), MELODY_SYMBOLS)

    def surprise(self, piece: Piece) -> Floats:
        """Bits of each note of the top line but the first two, by both models alike ``(notes - 2,)``."""
        symbols = melody_symbols(skyline(piece))
        long_term = 2.0 ** -self.long_term.bits(symbols)
        found: Floats = -np.log2((long_term + own_chances(symbols.tolist(), long_term)) / 2)
        return found


def own_chances(symbols: Sequence[int], without: Floats) -> Floats:
    """How likely each symbol is by what the piece has taught before it, else as likely as ``without`` that ``(n,)``."""
    counts: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    found = np.array(without, dtype=np.float64)
    for index, symbol in enumerate(symbols):
        for length in range(ORDER):
            if length > index:
                break
            seen = counts[tuple(symbols[index - length : index])]
            total, types = seen.total(), len(seen)
            if total:
                found[index] = (seen[symbol] + types * found[index]) / (total + types)
            seen[symbol] += 1
    return found
