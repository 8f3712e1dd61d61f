"""Who composes the music that is measured: each a function from domain, count, bars and seed to pieces.

A rival that copies: bars of real music, each following a bar of the same chord where it was found.

It has no idea of its own, and whatever single bars are judged by, it passes. What it lacks is what a piece is made of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from models.metrics.idiom import NGram, sample_melody
from models.music.folder import read_folder
from models.music.keys import QUALITIES, ROOTS, bar_chroma, likely_key, with_chords
from models.music.midi import without_overlaps
from models.music.notes import DOMAINS, Domain, IntArray, MusicError, Piece
from models.style.compose import Composer
from models.style.evaluation.clips import BATCH
from models.style.evaluation.excerpts import excerpt, starts_of
from models.style.latents import BARS
from models.style.pieces.sampling import Writer
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


Compose = Callable[[Domain, int, int | None, int], list[Piece]]
"""``compose(domain, count, bars, seed)``: pieces of ``bars`` bars, whole pieces where that is None.

It gives none where it can't answer, and fewer than ``count`` where it has no more.
"""


def flow(composer: Composer) -> Compose:
    """Draws from the prior of a style model, which are eight bars long."""

    def compose(domain: Domain, count: int, bars: int | None, seed: int) -> list[Piece]:
        made: list[Piece] = []
        first = seed * 1_000_000 + DOMAINS.index(domain) * 100_000
        for start in range(0, count if bars == BARS else 0, BATCH):
            seeds = range(first + start, first + min(start + BATCH, count))
            made += composer.compose([composer.plan(domain=domain, content=None, styles={}, seed=s) for s in seeds])
        return made

    return compose


def written(writer: Writer) -> Compose:
    """What the piece model writes: excerpts, as the page plays them, or pieces that it ends."""

    def compose(domain: Domain, count: int, bars: int | None, seed: int) -> list[Piece]:
        if bars is None:
            return writer.compose(domain, count=count, bars=None, seed=seed)
        seeds = [(seed, number) for number in range(count)]
        return writer.excerpts(domain, seeds, bars, writer.places(domain, seeds, bars))

    return compose


def copy_bot(training: Sequence[Piece]) -> Compose:
    """Real bars of regular ``training`` pieces joined by chord; whole pieces are as long as real ones."""

    def compose(domain: Domain, count: int, bars: int | None, seed: int) -> list[Piece]:
        bot, rng, made = CopyBot(_of(domain, training)), np.random.default_rng(seed), []
        for number, start in _settings(bot.pieces, bars, count, rng):
            made.append(bot.compose(number, start, len(excerpt(bot.pieces[number], start, bars).bars), rng))
        return made

    return compose


def ngram(model: NGram, training: Sequence[Piece]) -> Compose:
    """Melodies from an n-gram model in the bars of regular ``training`` pieces; it knows one voice: dance tunes."""

    def compose(domain: Domain, count: int, bars: int | None, seed: int) -> list[Piece]:
        pieces, rng = _of("dance", training) if domain == "dance" else [], np.random.default_rng(seed)
        settings = _settings(pieces, bars, count, rng)
        return [sample_melody(model, excerpt(pieces[number], start, bars), rng) for number, start in settings]

    return compose


def files(folder: Path) -> Compose:
    """The music files in a domain's folder below ``folder``, in the order of their names; none where there is none."""

    def compose(domain: Domain, count: int, bars: int | None, seed: int) -> list[Piece]:  # noqa: ARG001 (as they are)
        try:
            pieces = read_folder(folder / domain).pieces
        except MusicError:
            return []
        return [replace(piece, domain=domain) for piece in pieces[:count]]

    return compose


def _of(domain: Domain, pieces: Sequence[Piece]) -> list[Piece]:
    return [piece for piece in pieces if piece.domain == domain]


def _settings(pieces: Sequence[Piece], bars: int | None, count: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """``count`` random pieces, again where there are fewer, each with a bar at which an excerpt of it may begin."""
    able = [number for number, piece in enumerate(pieces) if starts_of(piece, bars) and len(piece.notes)]
    if not able:
        return []
    drawn = [able[i] for i in rng.choice(len(able), size=count, replace=count > len(able))]
    return [(number, int(rng.choice(starts_of(pieces[number], bars)))) for number in drawn]
