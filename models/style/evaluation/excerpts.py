"""Real and composed music cut alike, so that nothing but the music tells them apart.

Pieces get regular bars on the token grid; excerpts are so many whole bars of one meter from where a phrase may begin,
or whole pieces; what would never be offered to a listener is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from models.experiments.dataset import piece_name
from models.music.notes import MusicError, Piece
from models.music.tokens import on_grid
from models.style.fingerprint import rejection_reason
from models.style.windows import PHRASE_BARS, bar_ticks, regular_bars

SHORTEST, LONGEST = 8, 64  # bars of a whole piece; longer ones end there


@dataclass(frozen=True)
class Excerpts:
    """Excerpts and the song that each comes from; ``thrown_away`` says of all that were cut which were unusable."""

    pieces: list[Piece]
    songs: list[str]
    thrown_away: list[bool]

    def some(self, rows: npt.ArrayLike) -> Excerpts:
        """Those of the given rows."""
        chosen = np.asarray(rows, dtype=np.int64).tolist()
        return Excerpts([self.pieces[i] for i in chosen], [self.songs[i] for i in chosen], self.thrown_away)


def regular(pieces: Iterable[Piece]) -> list[Piece]:
    """Pieces with regular bars on the token grid, the last one filled up; without those whose bars mean nothing."""
    found = []
    for piece in pieces:
        if piece.extra.get("bars") == "unestimated":
            continue
        try:
            found.append(_filled(on_grid(regular_bars(piece))))
        except MusicError:  # a bar longer than the grid can tell
            continue
    return found


def real_excerpts(pieces: Sequence[Piece], bars: int | None, limit: int, seed: int) -> Excerpts:
    """Up to ``limit`` excerpts of regular ``pieces``, first one of each piece in a random order, then a second, …."""
    rng = np.random.default_rng(seed)
    shuffled = [pieces[i] for i in rng.permutation(len(pieces))]
    turns = [rng.permutation(starts_of(piece, bars)).tolist() for piece in shuffled]
    found: list[Piece] = []
    songs: list[str] = []
    thrown_away: list[bool] = []
    for turn in range(max(map(len, turns), default=0)):
        for piece, starts in zip(shuffled, turns, strict=True):
            if turn >= len(starts) or len(found) == limit:
                continue
            cut = excerpt(piece, starts[turn], bars)
            thrown_away.append(rejection_reason(cut) is not None)
            if not thrown_away[-1]:
                found.append(cut)
                songs.append(piece_name(piece))
    return Excerpts(found, songs, thrown_away)


def composed_excerpts(pieces: Sequence[Piece], bars: int | None, seed: int) -> Excerpts:
    """One excerpt of each composed piece, which is a song of its own, where it is usable."""
    rng = np.random.default_rng(seed)
    found: list[Piece] = []
    songs: list[str] = []
    thrown_away: list[bool] = []
    for number, piece in enumerate(pieces):
        whole = regular([piece])
        starts = starts_of(whole[0], bars) if whole else []
        cut = excerpt(whole[0], int(rng.choice(starts)), bars) if starts else None
        thrown_away.append(cut is None or rejection_reason(cut) is not None)
        if cut is not None and not thrown_away[-1]:
            found.append(cut)
            songs.append(f"composed-{number}")
    return Excerpts(found, songs, thrown_away)


def starts_of(piece: Piece, bars: int | None) -> list[int]:
    """Bars at which an excerpt of a regular piece may begin: phrases of its longest run of whole bars of one meter.

    Its first bar alone for whole pieces (``bars`` None); none where the run is too short.
    """
    first, length = _longest_run(piece)
    if bars is None:
        return [first] if length >= SHORTEST else []
    return list(range(first, first + length - bars + 1, PHRASE_BARS[piece.domain or "pop"]))


def excerpt(piece: Piece, start: int, bars: int | None) -> Piece:
    """``bars`` bars of a regular piece from ``start`` on, or its longest run of bars, without chord symbols."""
    count = min(_longest_run(piece)[1], LONGEST) if bars is None else bars
    return replace(piece.window(start, count), chords=())


def _filled(piece: Piece) -> Piece:
    """The piece with a last bar as long as its meter: a tune that has a pickup ends before."""
    bars = piece.bars.copy()
    bars[-1, 1] = max(bars[-1, 1], bar_ticks(int(bars[-1, 2]), int(bars[-1, 3])))
    return replace(piece, bars=bars)


def _longest_run(piece: Piece) -> tuple[int, int]:
    """First bar and length of the longest run of whole bars of one meter."""
    bars = piece.bars
    whole = np.array([ticks == bar_ticks(n, d) for _, ticks, n, d in bars.tolist()])
    same = np.append(False, (bars[1:, 2:] == bars[:-1, 2:]).all(axis=1) & whole[:-1])
    breaks = np.append(np.flatnonzero(~(whole & same)), len(bars))
    best = (0, 0)
    for start, end in zip(breaks[:-1].tolist(), breaks[1:].tolist(), strict=True):
        if whole[start] and end - start > best[1]:
            best = (start, end - start)
    return best
