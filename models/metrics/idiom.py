"""How idiomatic a melody or a progression is: bits a symbol under an n-gram model of real music.

The model is an interpolated n-gram with Witten-Bell weights [1]_: of what has followed a context, each symbol counts as
often as it did, and the next shorter context as often as the context has distinct successors. A melody is read as
pairs of interval and time to the next onset, a progression as pairs of root movement and quality, so neither depends on
the key. The same model samples, which makes it a plain rival of any composer of melodies.

.. [1] I. H. Witten, T. C. Bell: The zero-frequency problem. IEEE Transactions on Information Theory 37(4), 1991.
   For melodies: D. Conklin, I. H. Witten: Multiple viewpoint systems for music prediction. JNMR 24(1), 1995.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from models.music.dance_types import accent
from models.music.keys import QUALITIES, ROOTS, estimate_chords
from models.music.notes import Piece, skyline
from models.music.tokens import GRID_TICKS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ORDER = 4  # symbols together: a context of three
WIDEST = 24  # semitones; wider intervals count as this
LONGEST = 96  # grid steps of two ticks: two bars of common time; longer ones count as this
MELODY_SYMBOLS = (2 * WIDEST + 1) * LONGEST
CHORD_SYMBOLS = 12 * len(QUALITIES)
REDRAWS = 30  # of a note that would leave the range


@dataclass(frozen=True)
class Table:
    """What follows contexts of one length, all sorted: n-grams with their counts, contexts with totals and types."""

    grams: Ints
    counts: Ints
    contexts: Ints
    totals: Ints
    types: Ints


@dataclass(frozen=True)
class NGram:
    """An interpolated Witten-Bell model over ``symbols`` symbols, a table for each length of context from 0 on."""

    symbols: int
    tables: tuple[Table, ...]

    @classmethod
    def fit(cls, sequences: Iterable[Ints], symbols: int, order: int = ORDER) -> NGram:
        """Count ``sequences``, each int64 ``(length,)`` in 0 to ``symbols`` - 1; no n-gram spans two of them.

        Raises ``ValueError`` where the n-grams of this order have no 64-bit code.
        """
        if float(symbols) ** order >= 2.0**63:
            raise ValueError(f"{symbols} symbols at order {order} were given; their n-grams must fit 63 bits")
        heard = [np.asarray(sequence, dtype=np.int64) for sequence in sequences]
        tables = []
        for context in range(order):
            codes = np.concatenate([_codes(each, context, symbols) for each in heard] or [np.zeros(0, np.int64)])
            grams, counts = np.unique(codes, return_counts=True)
            contexts, first, types = np.unique(grams // symbols, return_index=True, return_counts=True)
            totals = np.add.reduceat(counts, first) if len(first) else np.zeros(0, dtype=np.int64)
            tables.append(Table(grams, counts, contexts, totals, types))
        return cls(symbols, tuple(tables))

    def bits(self, sequence: Ints) -> Floats:
        """Bits that each symbol of ``sequence`` ``(length,)`` costs after up to ``order`` - 1 before it: ``(length,)``.

        The first symbols have shorter contexts, so an excerpt is not charged for where it begins.
        """
        chance = np.full(len(sequence), 1 / self.symbols)
        for context, table in enumerate(self.tables):
            grams = _codes(sequence, context, self.symbols)
            seen, place = _found(table.contexts, grams // self.symbols)
            total, types = table.totals[place[seen]], table.types[place[seen]]
            known, place = _found(table.grams, grams[seen])
            count = np.where(known, table.counts[place], 0)
            longer = chance[context:]
            longer[seen] = (count + types * longer[seen]) / (total + types)
        bits: Floats = -np.log2(chance)
        return bits

    def draw(self, before: Sequence[int], rng: np.random.Generator) -> int:
        """A symbol drawn from what follows the last ``order`` - 1 symbols ``before`` it."""
        for context in range(min(len(before), len(self.tables) - 1), -1, -1):
            table = self.tables[context]
            code = 0
            for symbol in before[len(before) - context :]:
                code = code * self.symbols + symbol
            place = int(np.searchsorted(table.contexts, code))
            if place == len(table.contexts) or table.contexts[place] != code:
                continue
            total, types = table.totals[place], table.types[place]
            if rng.random() * (total + types) < total:
                low, high = np.searchsorted(table.grams, [code * self.symbols, (code + 1) * self.symbols])
                counts = table.counts[low:high].cumsum()
                chosen = low + int(np.searchsorted(counts, rng.integers(total), side="right"))
                return int(table.grams[chosen] % self.symbols)
        return int(rng.integers(self.symbols))


def _codes(sequence: Ints, context: int, symbols: int) -> Ints:
    """The code of each symbol with the ``context`` symbols before it, as digits to the base ``symbols``."""
    length = max(0, len(sequence) - context)
    codes = np.zeros(length, dtype=np.int64)
    for offset in range(context + 1):
        codes = codes * symbols + sequence[offset : offset + length]
    return codes


def _found(keys: Ints, wanted: Ints) -> tuple[npt.NDArray[np.bool_], Ints]:
    """Whether each of ``wanted`` is in the sorted ``keys``, and where."""
    if len(keys) == 0:
        return np.zeros(len(wanted), dtype=bool), np.zeros(len(wanted), dtype=np.int64)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1).astype(np.int64)
    return keys[place] == wanted, place


def melody_symbols(line: Ints) -> Ints:
    """A line ``(notes, 2)`` of onset ticks and pitches as interval and time to the next onset, ``(notes - 2,)``.

    The first note has no interval and the last no next onset, so neither has a symbol.
    """
    interval = np.clip(np.diff(line[:, 1]), -WIDEST, WIDEST)[:-1] + WIDEST
    steps = np.clip(np.round(np.diff(line[:, 0]) / GRID_TICKS), 1, LONGEST)[1:].astype(np.int64) - 1
    symbols: Ints = interval * LONGEST + steps
    return symbols


def lowest_line(piece: Piece) -> Ints:
    """The lowest sounding note at each onset: ``(onsets, 2)`` onset tick and pitch, as ``skyline`` is the highest."""
    mirrored = piece.notes.copy()
    mirrored[:, 2] = 127 - mirrored[:, 2]
    line = skyline(replace(piece, notes=mirrored))
    line[:, 1] = 127 - line[:, 1]
    return line


def chord_symbols(piece: Piece, every_ticks: int | None = None) -> Ints:
    """Root movement and quality of each estimated chord after the first, silent ones left out: ``(chords - 1,)``.

    A chord a bar, or one for every ``every_ticks`` ticks.
    """
    names = estimate_chords(piece if every_ticks is None else _rebarred(piece, every_ticks))
    told = [name.split(":") for name in names if name != "N"]
    roots = np.array([ROOTS.index(root) for root, _ in told], dtype=np.int64)
    qualities = np.array([list(QUALITIES).index(quality) for _, quality in told], dtype=np.int64)
    symbols: Ints = np.diff(roots) % 12 * len(QUALITIES) + qualities[1:]
    return symbols


def _rebarred(piece: Piece, ticks: int) -> Piece:
    """The piece with a bar line every ``ticks``."""
    starts = np.arange(0, piece.end_tick, ticks)
    lengths = np.minimum(ticks, piece.end_tick - starts)
    bars = np.stack([starts, lengths, np.ones_like(starts), np.full_like(starts, 4)], axis=1)
    return replace(piece, bars=bars.astype(np.int32), tempo_bpm=np.full(len(bars), 100.0), chords=())


def sample_melody(model: NGram, setting: Piece, rng: np.random.Generator) -> Piece:
    """A melody drawn from a model of ``melody_symbols``, legato, in the bars, tempo and range of ``setting``.

    It begins on the first pitch of the setting's skyline; a note that would leave its range is drawn again.
    """
    line = skyline(setting)
    low, high = int(line[:, 1].min()), int(line[:, 1].max())
    onset, pitch = 0, int(line[0, 1])
    symbols: list[int] = []
    notes: list[tuple[int, int, int, int]] = []
    starts = setting.bars[:, 0]
    while onset < setting.end_tick:
        for _ in range(REDRAWS):
            symbol = model.draw(symbols, rng)
            step = symbol // LONGEST - WIDEST if notes else 0
            if low <= pitch + step <= high:
                break
        else:
            step = 0
        symbols.append(symbol)
        pitch += step
        duration = min((symbol % LONGEST + 1) * GRID_TICKS, setting.end_tick - onset)
        start, _, numerator, denominator = setting.bars[np.searchsorted(starts, onset, side="right") - 1].tolist()
        notes.append((onset, duration, pitch, accent(onset - start, numerator, denominator)))
        onset += duration
    return replace(setting, notes=np.array(notes, dtype=np.int32), chords=(), titles=(), source="ngram", piece_id="")
