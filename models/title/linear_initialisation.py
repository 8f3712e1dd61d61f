"""Where linear towers begin: principal components of the melodies, and ridge regression from titles to them.

Both in closed form (Hoerl & Kennard 1970), so contrastive training starts from what is linear in the pairs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.linalg import solve
from scipy.sparse import csr_array
from torch import Tensor

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
    centre = wanted.mean(0)
    weight, mean = ridge(title.weights(grams), grams, wanted - centre, len(title.idf))
    title.table.weight.copy_(weight)
    title.bias.copy_(centre - mean @ weight)


def ridge(weights: Tensor, grams: Tensor, wanted: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Coefficients ``(width, dim)`` from sparse rows to centred ``wanted`` ``(rows, dim)``, and the rows' mean.

    A row has ``weights`` ``(rows, n)`` at the columns ``grams``. Solved in the dual: there are fewer rows than columns.
    """
    ends = np.arange(len(grams) + 1) * grams.shape[1]
    table = csr_array((weights.double().numpy().ravel(), grams.numpy().ravel(), ends), shape=(len(grams), width))
    table.sum_duplicates()
    table.eliminate_zeros()  # what stands for padding is in every row, many times
    mean = np.asarray(table.mean(axis=0))
    along = table @ mean
    inner = (table @ table.T).toarray() - along[:, None] - along + mean @ mean
    dual = solve(inner + PENALTY * np.eye(len(inner)), wanted.double().numpy(), assume_a="pos")
    found = table.T @ dual - np.outer(mean, dual.sum(0))
    return torch.from_numpy(found).float(), torch.from_numpy(mean).float()
