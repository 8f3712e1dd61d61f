"""Who composes the music that is measured: each a function from domain, count, bars and seed to pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from models.metrics.idiom import NGram, sample_melody
from models.music.folder import read_folder
from models.music.notes import DOMAINS, Domain, MusicError, Piece
from models.style.compose import Composer
from models.style.evaluation.clips import BATCH
from models.style.evaluation.copy_bot import CopyBot
from models.style.evaluation.excerpts import excerpt, starts_of
from models.style.latents import BARS
from models.style.pieces.sampling import Writer

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
