"""The space in which clips are mapped: mean style latents, every style group counting the same."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from models.atlas.neighbours import FloatArray
from models.style.latents import GROUPS, STYLE_GROUPS

LEAST_SD = 0.05  # of a latent dimension's scale: below it nothing is told


def style_vectors(summaries: npt.ArrayLike, sizes: Mapping[str, int], among: npt.ArrayLike | None = None) -> FloatArray:
    """Vectors float32 ``(n, sum of style sizes)`` of summaries ``(n, D)`` (``models.taste.readouts.summary``).

    ``sizes``: dimensions of each latent group. Every dimension is divided by its standard deviation ``among`` the
    summaries of the map (these themselves by default) and every group by the root of its size; content is left out.
    """
    rows = np.atleast_2d(np.asarray(summaries, dtype=np.float64))
    base = rows if among is None else np.asarray(among, dtype=np.float64)
    ends = np.cumsum([0, *(sizes[name] for name in GROUPS)])
    parts = []
    for name, (start, end) in zip(GROUPS, pairwise(ends), strict=True):
        if name in STYLE_GROUPS:
            own = base[:, start:end]
            scale = np.maximum(own.std(0), LEAST_SD) * np.sqrt(end - start)
            parts.append((rows[:, start:end] - own.mean(0)) / scale)
    vectors: FloatArray = np.concatenate(parts, axis=1).astype(np.float32)
    return vectors
