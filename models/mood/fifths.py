"""Which fifth of real music of its kind a bar belongs to, by valence and by arousal: what a piece model is told.

The first judge alone says so; the second one can then tell whether music that was asked for has come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from models.mood.judge import Judge
from models.mood.labels import LEAST_NOTES
from models.music.tokens import TokenArray, from_tokens
from models.style.pieces.conditions import FIFTHS
from models.style.pieces.data import PieceSet

Floats = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

TOGETHER = 8  # bars that are judged as one


@dataclass(frozen=True)
class Fifths:
    """Where the fifths of each domain lie: its number → ``(2, 4)``, of valence and arousal."""

    edges: Mapping[int, Floats]

    @classmethod
    def of(cls, moods: Sequence[Floats], domains: IntArray) -> Fifths:
        """Of pieces' moods ``(bars, 2)`` and domains."""
        share = np.arange(1, FIFTHS) / FIFTHS
        found = {}
        for domain in np.unique(domains):
            every = np.concatenate([each for each, own in zip(moods, domains, strict=True) if own == domain])
            known = every[np.isfinite(every).all(1)]
            found[int(domain)] = np.quantile(known, share, axis=0).T if len(known) else np.zeros((2, FIFTHS - 1))
        return cls(found)

    def number(self, moods: Floats, domain: int) -> IntArray:
        """The fifths of moods ``(bars, 2)``, 1 to 5 each, 0 where nobody could judge or the domain is unknown."""
        if domain not in self.edges:
            return np.zeros(moods.shape, dtype=np.int64)
        columns = [
            1 + np.searchsorted(edge, own, "right") for edge, own in zip(self.edges[domain], moods.T, strict=True)
        ]
        return np.where(np.isfinite(moods), np.stack(columns, 1), 0)


def bar_moods(judge: Judge, tokens: TokenArray) -> Floats:
    """Valence and arousal of each bar of a piece ``(bars, 2)``, judged eight bars at a time; NaN for too few notes."""
    piece = from_tokens(tokens)
    bars = len(piece.bars)
    found = np.full((bars, 2), np.nan)
    parts = {start: piece.window(start, min(TOGETHER, bars - start)) for start in range(0, bars, TOGETHER)}
    parts = {start: part for start, part in parts.items() if len(part.notes) >= LEAST_NOTES}
    if parts:
        moods = judge.judge(list(parts.values()))
        for start, valence, arousal in zip(parts, moods.valence, moods.arousal, strict=True):
            found[start : start + TOGETHER] = valence, arousal
    return found


def with_moods(judge: Judge, train: PieceSet, others: Sequence[PieceSet]) -> list[PieceSet]:
    """The training pieces and the ``others`` with the fifths of their bars, as these lie in the training pieces."""
    every = [train, *others]
    console = Console(stderr=True)
    moods = [[bar_moods(judge, each) for each in track(some.each(), "moods", console=console)] for some in every]
    fifths = Fifths.of(moods[0], train.domain)
    return [
        replace(
            some, moods=np.concatenate([fifths.number(own, int(d)) for own, d in zip(found, some.domain, strict=True)])
        )
        for some, found in zip(every, moods, strict=True)
    ]
