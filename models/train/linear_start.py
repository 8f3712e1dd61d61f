"""Where linear towers begin: principal components of the melodies, and ridge regression from titles to them.

Both in closed form (Hoerl & Kennard 1970), so contrastive training starts from what is linear in the pairs.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from models.title import melody_bags, title_encoders
from models.title.tunes import Tune
from models.title.two_tower import TwoTower

PENALTY = 20.0


@torch.no_grad()
def fit_linear(towers: TwoTower, tunes: Sequence[Tune]) -> None:
    """Fit towers of two linear encoders to ``tunes``, every title a pair; raises ``TypeError`` for other encoders."""
    melody, title = towers.melody, towers.title
    if not isinstance(melody, melody_bags.LinearEncoder) or not isinstance(title, title_encoders.LinearEncoder):
        raise TypeError(f"towers of kind {towers.config.melody.kind}-{towers.config.title.kind} are not linear")
    notes = towers.played([tune.notes for tune in tunes])
    melody.fit(notes)
    owners = [index for index, tune in enumerate(tunes) for _ in tune.titles]
    wanted = melody.pooled(notes)[owners]
    grams = title_encoders.hashed_grams(towers.spelled([name for tune in tunes for name in tune.titles]))
    title.count(grams)
    told = torch.zeros(len(grams), len(title.idf)).scatter_add_(1, grams, title.weights(grams))
    mean, centre = told.mean(0), wanted.mean(0)
    told = told - mean
    dual = torch.linalg.solve(told @ told.T + PENALTY * torch.eye(len(told)), wanted - centre)
    title.table.weight.copy_(told.T @ dual)
    title.bias.copy_(centre - mean @ title.table.weight)
