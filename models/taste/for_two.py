"""Taste for two listeners: the clip that both would like best (Nash bargaining), and where their tastes differ.

Utilities of two people have no common unit; chances have. Each listener's is the careful chance that they find a clip
more beautiful than a draft, and of these the product counts (Nash 1950): it needs no common unit, is
lowest where one of the two is left out, and what it takes from the one it must give the other in greater proportion.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit, ndtr

from models.style.latents import Latents
from models.taste.explain import AUDIBLE, CLEAR, Effect, attribute_effects
from models.taste.head import Head, utilities
from models.taste.likelihood import FloatArray
from models.taste.search import CAREFUL, pick, scores
from models.taste.space import TasteSpace, summary

Verdict = Literal["part", "one_more", "other_more", "both", "open"]


@dataclass(frozen=True)
class JointScore:
    """Two heads of one taste space, and the ``features`` ``(N, F)`` of drafts to be better than.

    Raises ``ValueError`` where the heads are of two taste spaces or there is no draw.
    """

    one: Head
    other: Head
    drawn: FloatArray

    def __post_init__(self) -> None:
        if self.one.version != self.other.version:
            raise ValueError(f"heads of two taste spaces, {self.one.version} and {self.other.version}")
        if len(self.drawn) == 0:
            raise ValueError("a clip can only be better than some draft; there is none")

    def chances(self, features: npt.ArrayLike, kappa: float = CAREFUL) -> FloatArray:
        """How likely each of the two finds a clip more beautiful than a draft, ``(2, clips)``, within (0, 1)."""
        rows = []
        for head in (self.one, self.other):
            good, usual = scores(head, features, kappa), utilities(head, self.drawn).mean
            rows.append(expit(good[:, None] - usual).mean(axis=1))
        return np.stack(rows)

    def scores(self, features: npt.ArrayLike, kappa: float) -> FloatArray:
        """Log of the product of both chances ``(clips,)``; see ``search.Judge``."""
        product: FloatArray = np.log(self.chances(features, kappa)).sum(axis=0)
        return product


def best_for_both(
    one: Head, other: Head, space: TasteSpace, candidates: Sequence[Latents], count: int, *, diversity: float = 0.3
) -> list[int]:
    """The places of the ``count`` best and different ones for both among these latents of drafts."""
    if not candidates:
        return []
    features = space.features(np.stack([summary(each) for each in candidates]))
    both = JointScore(one, other, features)
    return pick(both, features, count, kappa=CAREFUL, diversity=diversity)


@dataclass(frozen=True)
class TasteComparison:
    """One style's effect on both listeners, of the attribute on which they differ most surely.

    ``apart``: effect on the one less that on the other, with its ``sd``; ``confidence`` that its sign is right.
    ``verdict``: they *part* (each likes the other end), the *one* or the *other* likes it *more*, *both* like it, or it
    is *open*.
    """

    one: Effect
    other: Effect
    apart: float
    sd: float
    confidence: float
    verdict: Verdict


def compare_tastes(
    one: Head, other: Head, space: TasteSpace, *, around: FloatArray | None = None
) -> list[TasteComparison]:
    """One row a style; where they part first, then what they share, then what is open, the surest first.

    ``around``: as ``attribute_effects`` has it.
    """
    both = (attribute_effects(head, space, around=around) for head in (one, other))
    pairs = zip(*both, space.explained, strict=True)
    surest: dict[str, TasteComparison] = {}
    for mine, theirs, explained in pairs:
        apart, sd = mine.effect - theirs.effect, math.hypot(mine.sd, theirs.sd)
        confidence = float(ndtr(abs(apart) / sd)) if sd > 0 else 0.5
        verdict = _verdict(mine, theirs, confidence) if explained >= AUDIBLE else "open"
        row = TasteComparison(mine, theirs, apart, sd, confidence, verdict)
        if mine.style not in surest or _order(row) < _order(surest[mine.style]):
            surest[mine.style] = row
    return sorted(surest.values(), key=_order)


def _verdict(mine: Effect, theirs: Effect, confidence: float) -> Verdict:
    sure = all(each.confidence >= CLEAR for each in (mine, theirs))
    if confidence >= CLEAR:
        if sure and mine.effect * theirs.effect < 0:
            return "part"
        return "one_more" if abs(mine.effect) > abs(theirs.effect) else "other_more"
    return "both" if sure and mine.effect * theirs.effect > 0 else "open"


def _order(row: TasteComparison) -> tuple[int, float]:
    rank = {"part": 0, "one_more": 1, "other_more": 1, "both": 2, "open": 3}[row.verdict]
    return rank, -row.confidence
