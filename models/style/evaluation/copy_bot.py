"""A rival that copies: bars of real music, each following a bar of the same chord where it was found.

It has no idea of its own, and whatever single bars are judged by, it passes. What it lacks is what a piece is made of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from models.music.keys import QUALITIES, ROOTS, bar_chroma, likely_key, with_chords
from models.music.midi import without_overlaps
from models.music.notes import IntArray, Piece
from models.style.windows import bar_ticks

Place = tuple[int, int]  # a piece and a bar in it
Context = tuple[int, int, bool, str]  # meter, whether major, the chord in the key: "N" or degree and quality


class CopyBot:
    """Bars of real pieces by the chord before them, ready to be joined.

    Args:
        pieces: regular pieces with bars of known length.
    """

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = [with_chords(piece) for piece in pieces]
        self.keys = [likely_key(bar_chroma(piece, 0).sum(axis=0)) for piece in pieces]
        self.edges = [np.searchsorted(p.notes[:, 0], np.append(p.bars[:, 0], p.end_tick)) for p in pieces]
        self.following: dict[Context, list[Place]] = defaultdict(list)
        for number, piece in enumerate(pieces):
            for bar in range(1, len(piece.bars)):
                whole = piece.bars[bar, 1] == bar_ticks(*piece.bars[bar, 2:].tolist())
                if whole and (piece.bars[bar, 1:] == piece.bars[bar - 1, 1:]).all():
                    self.following[self._context((number, bar - 1))].append((number, bar))

    def compose(self, setting: int, start: int, bars: int, rng: np.random.Generator) -> Piece:
        """``bars`` bars in meter, key and tempo of a piece, beginning with its bar ``start``.

        Each further bar followed a bar with the present chord in another piece of this meter and mode, where there is
        one; without any the bar after the present one.
        """
        here: Place = (setting, start)
        length = int(self.pieces[setting].bars[start, 1])
        rows = [self._notes(here, setting)]
        for bar in range(1, bars):
            places = self.following[self._context(here)]
            others = [place for place in places if place[0] != here[0]] or places
            if not others:
                break
            here = others[rng.integers(len(others))]
            rows.append(self._notes(here, setting) + np.array([bar * length, 0, 0, 0], dtype=np.int32))
        like = self.pieces[setting].window(start, 1)
        table = np.repeat(like.bars, len(rows), axis=0)
        table[:, 0] = np.arange(len(rows)) * length
        return replace(
            like,
            notes=without_overlaps(np.concatenate(rows)),
            bars=table,
            tempo_bpm=np.repeat(like.tempo_bpm, len(rows)),
            chords=(),
            titles=(),
            source="copy_bot",
            piece_id="",
        )

    def _context(self, place: Place) -> Context:
        number, bar = place
        piece, key = self.pieces[number], self.keys[number]
        root, _, quality = piece.chords[bar].partition(":")
        chord = f"{(ROOTS.index(root) - key) % 12}:{quality}" if quality in QUALITIES else "N"
        return (int(piece.bars[bar, 2]), int(piece.bars[bar, 3]), key < 12, chord)

    def _notes(self, place: Place, setting: int) -> IntArray:
        """Notes that begin in a bar, from its start, in the key of the setting's piece, by the smaller way there."""
        number, bar = place
        piece, edges = self.pieces[number], self.edges[number]
        notes: IntArray = piece.notes[edges[bar] : edges[bar + 1]].copy()
        notes[:, 0] -= piece.bars[bar, 0]
        notes[:, 2] += (self.keys[setting] - self.keys[number] + 6) % 12 - 6
        return notes
