"""What a run is watched by: retrieval on validation tunes, and the predictions for a watch-list that never changes.

Every query is ranked among the tunes (or titles) of its own collection: which collection a title comes from is easy to
hear and says nothing about the tune.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.metrics.retrieval import Ranking, chance, measures, positions, ranked
from models.music.dance_types import unit_hash
from models.title.pool import Pool, make_pool
from models.title.tunes import Tune
from models.title.two_tower import TwoTower

WATCHED = 8  # titles, and as many tunes
NEAREST = 10
LEAST = 2  # tunes of a collection that make a pool


@dataclass(frozen=True)
class Validation:
    """Pools of validation tunes, one a collection, the largest first: the first by hash of that one are watched."""

    pools: tuple[Pool, ...]

    @classmethod
    def of(cls, tunes: Sequence[Tune]) -> Validation:
        """From the validation part, which must hold two tunes of one collection."""
        sources = sorted({tune.source for tune in tunes})
        found = [[tune for tune in tunes if tune.source == source] for source in sources]
        pools = [make_pool(part) for part in found if len(part) >= LEAST]
        if not pools:
            raise ValueError(f"{len(tunes)} tunes to validate on; at least {LEAST} of one collection are needed")
        return cls(tuple(sorted(pools, key=lambda pool: -len(pool.tunes))))

    def scores(self, towers: TwoTower) -> list[npt.NDArray[np.float32]]:
        """Cosines ``(titles, tunes)`` of each pool; ``towers`` in eval mode."""
        return [towers.titles(pool.titles) @ towers.melodies(pool.tunes).T for pool in self.pools]

    def measures(self, scores: Sequence[npt.NDArray[np.float32]]) -> dict[str, float]:
        """All measures of both directions, and ``mrr``, the mean of the two that training is stopped by."""
        found: dict[str, float] = {}
        for direction, turned in (("title_to_melody", False), ("melody_to_title", True)):
            rankings = [
                ranked(table.T, pool.right.T, 0) if turned else ranked(table, pool.right, 0)
                for pool, table in zip(self.pools, scores, strict=True)
            ]
            expected = [len(r) * chance(r.right, r.pool)["mrr"] for r in rankings]
            together = _together(rankings)
            found |= {f"{direction}.{name}": value for name, value in measures(together).items()}
            found[f"{direction}.chance_mrr"] = sum(expected) / len(together)
        found["mrr"] = (found["title_to_melody.mrr"] + found["melody_to_title.mrr"]) / 2
        return found

    def predictions(self, scores: Sequence[npt.NDArray[np.float32]]) -> Iterator[dict[str, Any]]:
        """A row for each watched title and tune: its rank and the nearest items, best first."""
        pool, table = self.pools[0], scores[0]
        tunes = [{"item": tune.name, "label": tune.titles[0]} for tune in pool.tunes]
        titles = [{"item": title, "label": title} for title in pool.titles]
        yield from _nearest("title_to_melody", titles, tunes, table, pool.right)
        yield from _nearest("melody_to_title", tunes, titles, table.T, pool.right.T)


def _together(rankings: Sequence[Ranking]) -> Ranking:
    return Ranking(
        best=np.concatenate([found.best for found in rankings]),
        dcg=np.concatenate([found.dcg for found in rankings]),
        ndcg=np.concatenate([found.ndcg for found in rankings]),
        right=np.concatenate([found.right for found in rankings]),
        pool=max(found.pool for found in rankings),
    )


def _nearest(
    direction: str,
    queries: Sequence[Mapping[str, str]],
    items: Sequence[Mapping[str, str]],
    scores: npt.NDArray[np.float32],
    right: npt.NDArray[np.bool_],
) -> Iterator[dict[str, Any]]:
    """Rows of the watched ones among ``queries``: the first by hash, whatever their order."""
    places = positions(scores, 0)
    for row in sorted(range(len(queries)), key=lambda i: unit_hash(queries[i]["item"]))[:WATCHED]:
        yield {
            "direction": direction,
            "query": queries[row]["item"],
            "label": queries[row]["label"],
            "pool": len(items),
            "rank": int(places[row][right[row]].min()),
            "top": [
                {**items[i], "score": round(float(scores[row, i]), 4), "right": bool(right[row, i])}
                for i in np.argsort(places[row])[:NEAREST].tolist()
            ],
        }
