"""Mood by quantised elements, the form of MusER (Ji & Yang, "MusER", AAAI 2024): a rival of steering.

There, latents are quantised, some of their dimensions tied to each musical element, and codes are drawn by emotion.
Here the style model has groups of latents that are tied to elements; each is quantised by a codebook of its own, and a
clip's bars get the codes that are near theirs and that clips of the mood have more often than others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans

from models.mood.labels import QUADRANTS, IntArray
from models.style.latents import STYLE_GROUPS, Latents

Floats = npt.NDArray[np.float64]

CODES = 32  # of a group
FEW = 5.0  # bars of no mood in particular that each code is counted with
LEAST = 1e-6  # squared distance, where the bars have no more values than there are codes
PULL = 2.0  # usual squared distances to the nearest code that a factor of e in how often a mood has a code is worth


@dataclass(frozen=True)
class Codebook:
    """Of one group: its ``codes`` ``(CODES, dim)``, how far a bar usually lies from the nearest (squared), and
    ``leaning`` ``(quadrants, CODES)``: the logarithm of how much more often a quadrant has a code than all have it.
    """

    codes: Floats
    usual: float
    leaning: Floats

    @classmethod
    def of(cls, bars: Floats, quadrant: IntArray, seed: int) -> Codebook:
        """Of bars ``(n, dim)`` and the quadrant of each."""
        found = KMeans(min(CODES, len(np.unique(bars, axis=0))), n_init=1, random_state=seed).fit(bars)
        count = np.zeros((len(QUADRANTS), len(found.cluster_centers_)))
        np.add.at(count, (quadrant, found.labels_), 1.0)
        share = count.sum(0) / count.sum()
        own = (count + FEW * share) / (count.sum(1, keepdims=True) + FEW)
        usual = max(float(found.inertia_ / len(bars)), LEAST)
        return cls(found.cluster_centers_, usual, np.log(own) - np.log(share))

    def moved(self, bars: Floats, quadrant: int | None) -> Floats:
        """Each of ``bars`` as the code that is near it and that the quadrant likes; the nearest where none is named."""
        away = ((bars[:, None] - self.codes) ** 2).sum(2) / self.usual
        liked = 0.0 if quadrant is None else PULL * self.leaning[quadrant]
        return np.asarray(self.codes[(away - liked).argmin(1)])


@dataclass(frozen=True)
class QuantisedElements:
    """A ``Codebook`` of each style group."""

    books: Mapping[str, Codebook]

    @classmethod
    def of(cls, latents: Sequence[Latents], quadrant: IntArray, seed: int = 0) -> QuantisedElements:
        """From clips and the quadrant of each."""
        whose = np.repeat(quadrant, [each.bars for each in latents])
        return cls({
            name: Codebook.of(np.concatenate([each.groups[name] for each in latents]).astype(np.float64), whose, seed)
            for name in STYLE_GROUPS
        })  # fmt: skip

    def moved(self, latents: Latents, quadrant: int | None) -> Latents:
        """A clip of these styles in the codes of a quadrant; its content stays."""
        styles = {
            name: book.moved(latents.groups[name].astype(np.float64), quadrant).astype(np.float32)
            for name, book in self.books.items()
        }
        return replace(latents, groups={**latents.groups, **styles})
