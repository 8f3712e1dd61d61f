"""A pool of tunes to search: its distinct titles, and which tune answers to which title.

A title answers to every tune that bears it and to their near-duplicates (one group), so the same tune printed twice is
two right answers and no trap.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.music.grouping import title_key
from models.title.tunes import Tune


@dataclass(frozen=True)
class Pool:
    """``right``: bool ``(titles, tunes)``; ``title_groups`` and ``tune_groups`` are what a bootstrap draws whole."""

    tunes: tuple[Tune, ...]
    titles: tuple[str, ...]
    right: npt.NDArray[np.bool_]
    title_groups: tuple[str, ...]

    @property
    def tune_groups(self) -> tuple[str, ...]:
        """The group of each tune."""
        return tuple(tune.group for tune in self.tunes)

    @property
    def duplicates(self) -> int:
        """Tunes whose group another tune of the pool has, too."""
        counts = Counter(self.tune_groups)
        return sum(count for count in counts.values() if count > 1)

    def first_titles(self) -> npt.NDArray[np.int64]:
        """Indices of the titles that are some tune's first one."""
        first = {title_key(tune.titles[0]) for tune in self.tunes}
        return np.flatnonzero([title_key(title) in first for title in self.titles])


def make_pool(tunes: Sequence[Tune]) -> Pool:
    """The pool of ``tunes``, which must not be empty."""
    titles: dict[str, str] = {}
    groups: dict[str, set[str]] = defaultdict(set)
    for tune in tunes:
        for title in tune.titles:
            titles.setdefault(title_key(title), title)
            groups[title_key(title)].add(tune.group)
    names, owner = np.unique([tune.group for tune in tunes], return_inverse=True)
    number = {name: index for index, name in enumerate(names.tolist())}
    answers = np.zeros((len(titles), len(names)), dtype=np.bool_)
    for row, key in enumerate(titles):
        answers[row, [number[group] for group in groups[key]]] = True
    return Pool(tuple(tunes), tuple(titles.values()), answers[:, owner], tuple(min(groups[key]) for key in titles))
