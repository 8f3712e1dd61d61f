"""One-voice lines to fit and to test on: bars of the chorales' sopranos, windows of sixteen bars of dance tunes.

Pieces are split by group (``models.music.grouping``), so that no melody is on both sides. A folder is all test data;
then whatever of the corpora shares a group with one of its pieces is left out of the fit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.experiments.dataset import likely_domain, piece_name
from models.music import corpora
from models.music.grouping import group_ids, split
from models.music.lines import FIRST_PITCH, STEPS, Line, line_bars
from models.music.notes import MusicError, Piece
from models.style.windows import regular_bars

CHORALES = ("bachChorales",)
DANCES = ("oneills1850", "ryansMammoth", "airdsAirs", "cre")
CHORALE_PARTS = {"validation": 0.1, "test": 0.2}
DANCE_PARTS = {"validation": 0.05, "test": 0.1}
WINDOW = 16  # bars
LEAST_BARS = 16  # to fit on
LOWEST, HIGHEST = 55, 84  # a soprano's pitches, AR-VAE's range: beyond, another voice sounds alone while it rests


@dataclass(frozen=True)
class Lines:
    """Bars to fit on and to choose by ``(bars, 16)``, and the test part ``(items, steps)`` with the piece of each."""

    train: Line
    validation: Line
    test: Line
    songs: list[str]
    pieces: list[Piece]  # of the test part

    @property
    def digest(self) -> str:
        """Of what is fitted on."""
        return hashlib.sha256(self.train.tobytes() + self.validation.tobytes()).hexdigest()[:16]


def soprano_bars(piece: Piece) -> Line:
    """Bars of 4/4 with a note, all within a soprano's range and on the grid of sixteenths: ``(bars, 16)`` tokens."""
    line = line_bars(piece)
    common = (piece.bars[:, 2:] == 4).all(1)
    starts, pitch = line.tokens >= FIRST_PITCH, line.tokens - FIRST_PITCH
    sung = starts.any(1) & (~starts | ((pitch >= LOWEST) & (pitch <= HIGHEST))).all(1)
    found: Line = line.tokens[line.whole & line.exact & common & sung]
    return found


def dance_bars(piece: Piece) -> Line:
    """All bars of four quarters, halves on both sides of a repeat sign joined: ``(bars, 16)`` tokens."""
    line = line_bars(regular_bars(piece))
    return line.tokens[line.whole]


def dance_windows(piece: Piece) -> Line:
    """Sixteen bars of four quarters in a row, from the first one on, without overlap: ``(windows, 256)`` tokens."""
    line = line_bars(regular_bars(piece))
    rows, first = [], 0
    while first + WINDOW <= len(line.whole):
        if line.whole[first : first + WINDOW].all():
            rows.append(line.tokens[first : first + WINDOW].ravel())
            first += WINDOW
        else:
            first += 1
    return np.array(rows, dtype=np.int64).reshape(-1, WINDOW * STEPS)


def chorale_lines(data: Sequence[Piece] | None, limit: int | None) -> Lines:
    """Soprano lines; raises ``MusicError`` where there is nothing to fit on."""
    parts = _parts(CHORALES, CHORALE_PARTS, data, limit)
    return _lines(parts, soprano_bars, [soprano_bars(p) for p in parts["test"]], STEPS)


def melody_lines(data: Sequence[Piece] | None, limit: int | None) -> Lines:
    """Dance tunes; of a folder its one-voice pieces. Raises ``MusicError`` where there is nothing to fit on."""
    voices = None if data is None else [p for p in data if (p.domain or likely_domain(p)) == "dance"]
    parts = _parts(DANCES, DANCE_PARTS, voices, limit)
    return _lines(parts, dance_bars, [dance_windows(p) for p in parts["test"]], WINDOW * STEPS)


def folder_pieces(folder: Path, limit: int | None) -> list[Piece]:
    """The first ``limit`` pieces of a folder; raises ``MusicError``."""
    return corpora.load_folder(folder)[:limit]


def _parts(
    names: Sequence[str], shares: Mapping[str, float], data: Sequence[Piece] | None, limit: int | None
) -> dict[str, list[Piece]]:
    """Train, validation and test; ``data`` is all test, and nothing else is."""
    there = corpora.registry()
    pieces = [p for name in names if there[name].available for p in corpora.load(name, limit=limit)]
    if data is None:
        return split(pieces, seed=0, held_out=shares)
    groups = group_ids([*pieces, *data])
    asked = set(groups[len(pieces) :])
    kept = [i for i in range(len(pieces)) if groups[i] not in asked]
    only = {"validation": shares["validation"]}
    return {**split([pieces[i] for i in kept], 0, only, [groups[i] for i in kept]), "test": list(data)}


def _lines(parts: Mapping[str, list[Piece]], bars: Callable[[Piece], Line], items: list[Line], width: int) -> Lines:
    train, validation = (_stacked([bars(p) for p in parts[part]], STEPS) for part in ("train", "validation"))
    if len(train) < LEAST_BARS:
        raise MusicError(
            f"there are {len(train)} bars of four quarters to fit on; at least {LEAST_BARS} are needed: leave out "
            "--limit or give a larger one"
        )
    songs = [piece_name(p) for p, rows in zip(parts["test"], items, strict=True) for _ in rows]
    return Lines(train, validation if len(validation) else train, _stacked(items, width), songs, parts["test"])


def _stacked(rows: Sequence[Line], width: int) -> Line:
    return np.concatenate([*rows, np.zeros((0, width), dtype=np.int64)])
