"""A Bloom filter of the training songs' two-bar melodies: it recognises copies, and nothing can be read out of it.

A melody is the skyline of two bars, transposed to start at zero, with its positions in the bar. Source: Bloom (1970).

Broken clips are never offered: silent, nearly empty, stuck on a note, absurdly dense, or copied from a song.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.music.notes import Piece, skyline

FEWEST_NOTES = 8
MOST_NOTES_PER_QUARTER = 24
STUCK_SHARE = 0.6
LONGEST_COPY_BARS = 2


def rejection_reason(piece: Piece, fingerprint: Fingerprint | None = None, brought: Piece | None = None) -> str | None:
    """The first reason not to offer a clip, or None: silent, few_notes, one_note, gap, too_dense, copy.

    Melodies of what was ``brought``, before it, may come again.
    """
    return next(_faults(piece, fingerprint, brought), None)


def _faults(piece: Piece, fingerprint: Fingerprint | None, brought: Piece | None) -> Iterator[str]:
    notes = piece.notes
    if len(notes) == 0:
        yield "silent"
        return
    if len(notes) < FEWEST_NOTES:
        yield "few_notes"
    _, counts = np.unique(notes[:, 2], return_counts=True)
    if counts.max() / len(notes) > STUCK_SHARE or len(counts) < 3:
        yield "one_note"
    onsets = np.append(np.unique(notes[:, 0]), piece.end_tick)
    if np.diff(onsets, prepend=0).max() > 2.5 * piece.bars[:, 1].max():
        yield "gap"
    if len(notes) > MOST_NOTES_PER_QUARTER * piece.end_tick / 24:
        yield "too_dense"
    if fingerprint is not None and fingerprint.copied_bars(piece, brought) > LONGEST_COPY_BARS:
        yield "copy"


HASHES = 10
BITS_A_KEY = 16
LEAST_NOTES = 7  # shorter two-bar melodies are everybody's


def two_bar_melodies(piece: Piece) -> list[tuple[int, bytes]]:
    """First bar and key of each pair of neighbouring bars whose skyline has at least ``LEAST_NOTES`` notes."""
    return melodies(piece, 2, LEAST_NOTES)


def melodies(piece: Piece, bars: int, least_notes: int) -> list[tuple[int, bytes]]:
    """First bar and key of each run of ``bars`` bars with at least so many notes, of three pitches, in the skyline.

    Two runs have one key where their notes begin at the same places, the one a transposition of the other.
    """
    line = skyline(piece)
    bar = np.searchsorted(piece.bars[:, 0], line[:, 0], side="right") - 1
    found = []
    for first in range(len(piece.bars) - bars + 1):
        notes = line[(first <= bar) & (bar < first + bars)]
        if len(notes) < least_notes or len(set(notes[:, 1].tolist())) < 3:
            continue
        shape = np.stack([(notes[:, 0] - piece.bars[first, 0]) // 2, notes[:, 1] - notes[0, 1]], axis=1)
        found.append((first, hashlib.blake2b(shape.astype("<i2").tobytes(), digest_size=16).digest()))
    return found


@dataclass(frozen=True)
class Fingerprint:
    """``bits``: uint8, a power of two of bytes."""

    bits: npt.NDArray[np.uint8]

    @classmethod
    def empty(cls) -> Fingerprint:
        """Knows no melody."""
        return cls(np.zeros(8, dtype=np.uint8))

    @classmethod
    def of(cls, pieces: Iterable[Piece], known: Fingerprint | None = None) -> Fingerprint:
        """All two-bar melodies of ``pieces``, and those ``known`` already, in a filter as large as theirs at least.

        A filter of ``known`` ones can be laid out twice as large, each half saying the same, since places are modulo
        its size: so nothing that is known is lost.
        """
        keys = {key for piece in pieces for _, key in two_bar_melodies(piece)}
        size = 1 << max(3, int(np.ceil(np.log2(max(1, len(keys)) * BITS_A_KEY / 8))))
        bits = np.zeros(size, dtype=np.uint8)
        if known is not None:
            size = max(size, len(known.bits))
            bits = np.tile(known.bits, size // len(known.bits))
        for key in keys:
            for place in _places(key, size):
                bits[place >> 3] |= 1 << (place & 7)
        return cls(bits)

    def __contains__(self, key: bytes) -> bool:
        return all(self.bits[place >> 3] >> (place & 7) & 1 for place in _places(key, len(self.bits)))

    def copied_bars(self, piece: Piece, brought: Piece | None = None) -> int:
        """Longest run of bars whose melody stands in a training song and not in ``brought`` (0, or 2 and more)."""
        own = {key for _, key in two_bar_melodies(brought)} if brought else set()
        hits = {first for first, key in two_bar_melodies(piece) if key in self and key not in own}
        longest = run = 0
        for first in range(len(piece.bars)):
            run = run + 1 if first in hits else 0
            longest = max(longest, run + 1 if run else 0)
        return longest


def _places(key: bytes, size: int) -> list[int]:
    a, b = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little") | 1
    return [(a + i * b) % (size * 8) for i in range(HASHES)]
