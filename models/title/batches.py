"""Batches of melodies and their titles: no near-duplicates in one batch, each a little different every time.

A batch is drawn from its seed and step alone, so a run that is taken up again goes on with the batches it would have
had.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.music.grouping import title_key
from models.title.tunes import FIELDS, IntTable, Tune


@dataclass(frozen=True)
class Variation:
    """How pairs are varied: chances of hearing an excerpt, of missing a field for a whole tune, of missing a word."""

    excerpt: float = 0.5
    shortest: float = 0.4  # of an excerpt, as a share of the tune
    field: float = 0.1
    word: float = 0.1


class PairBatches:
    """Draws batches of ``size`` pairs from ``tunes``; fewer where there are fewer groups."""

    def __init__(self, tunes: Sequence[Tune], size: int, seed: int, variation: Variation | None = None) -> None:
        groups: dict[str, list[Tune]] = defaultdict(list)
        for tune in tunes:
            groups[tune.group].append(tune)
        self.groups, self.size, self.seed = list(groups.values()), size, seed
        self.variation = variation or Variation()

    def pairs(self, step: int) -> list[tuple[Tune, str]]:
        """The tunes of a batch and the title asked for each; no two of one group or with a title in common."""
        rng = np.random.default_rng([self.seed, step])
        chosen: list[tuple[Tune, str]] = []
        taken: set[str] = set()
        for index in rng.permutation(len(self.groups)):
            members = self.groups[index]
            tune = members[rng.integers(len(members))]
            keys = {title_key(title) for member in members for title in member.titles}
            if taken.isdisjoint(keys):
                taken |= keys
                chosen.append((tune, tune.titles[rng.integers(len(tune.titles))]))
            if len(chosen) == self.size:
                break
        return chosen

    def draw(self, step: int) -> tuple[list[IntTable], list[str]]:
        """The melodies and titles of batch ``step``, varied."""
        rng = np.random.default_rng([self.seed, step, 1])
        pairs = self.pairs(step)
        notes = [varied_notes(tune.notes, self.variation, rng) for tune, _ in pairs]
        return notes, [varied_title(title, self.variation, rng) for _, title in pairs]


def varied_notes(notes: IntTable, variation: Variation, rng: np.random.Generator) -> IntTable:
    """An excerpt of the tune, perhaps, with a field or more unheard; but each note's position is always told."""
    first, count = 0, len(notes)
    if rng.random() < variation.excerpt:
        count = max(2, int(len(notes) * rng.uniform(variation.shortest, 1.0)))
        first = int(rng.integers(len(notes) - count + 1))
    silent = rng.random(len(FIELDS)) < variation.field
    silent[FIELDS.index("position")] = False
    varied = notes[first : first + count].copy()
    varied[:, silent] = -1
    return varied


def varied_title(title: str, variation: Variation, rng: np.random.Generator) -> str:
    """The title, perhaps without some of its words; never without all."""
    words = title.split()
    return " ".join(word for word in words if rng.random() >= variation.word) or title
