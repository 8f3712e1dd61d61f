"""Pictures laid out on a grid, so that alike ones are neighbours and none covers another.

Their latents on the two main axes say where they would lie; an assignment to the places of a grid with the least
squared distance to that moves each as little as may be (after "Grid layouts", Fried et al. 2015).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.stats import rankdata

Floats = npt.NDArray[np.float64]


def on_grid(latents: Floats, columns: int) -> Floats:
    """Places ``(pictures, 2)`` in 0 to 1, x to the right and y upwards, of ``latents`` ``(pictures, dims)``.

    Places are the middles of a grid of so many ``columns``. The same latents give the same places. Raises
    ``ValueError`` for fewer than two pictures or no column.
    """
    if len(latents) < 2 or columns < 1:
        raise ValueError(
            f"{len(latents)} pictures in {columns} columns were given; two pictures and a column are needed"
        )
    off = latents - latents.mean(0)
    _, _, axes = np.linalg.svd(off, full_matrices=False)
    main = off @ (axes[:2] * np.sign(axes[:2].sum(1, keepdims=True))).T
    wished = np.column_stack([rankdata(each) for each in main.T]) / len(latents)  # as evenly spread as the grid is
    rows = -(-len(latents) // columns)
    x, y = np.meshgrid((np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows)
    grid = np.column_stack([x.ravel(), y.ravel()])
    cost = ((wished[:, None] - grid[None]) ** 2).sum(-1)
    _, chosen = linear_sum_assignment(cost)
    found: Floats = grid[chosen]
    return found
