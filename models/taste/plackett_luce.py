"""The most beautiful of four: what one pick tells a listener's head, and how likely each pick is.

A pick is the first place of a Plackett-Luce ranking (Luce 1959; Plackett 1975): a choice among the clips with the
scores ``u_i + place_i side`` and *none of them* with the score ``enough``. These are the utilities, the side bias (the
first place has half of it, the last minus half, as the two of a pair have) and the level that is good enough of
``models.taste.likelihood``, so pairs and fours teach one head; a lapse falls on each clip alike. The belief is moved by
the same moment matching, in four dimensions.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from models.taste.head import Head, moved, scores_under
from models.taste.likelihood import RESPONSE, FloatArray, choice_moments, quadrature

Place = Literal["a", "b", "c", "d"]
Pick = Literal[Place, "none", "skipped"]
FOUR = 4
NAMES: tuple[Place, ...] = get_args(Place)  # the clips in the order of their places
PICKS: tuple[Pick, ...] = get_args(Pick)
LEANING = np.linspace(0.5, -0.5, FOUR)  # share of the side bias at each place, in reading order


def update_four(head: Head, features: npt.ArrayLike, pick: Pick) -> Head:
    """The head after one pick among four clips with ``features`` ``(4, F)``, in the order of their places.

    "skipped" leaves it as it is. Costs O(F^2). Raises ``ValueError`` on another pick or features of another shape.
    """
    if pick not in PICKS:
        raise ValueError(f"the pick is {pick!r}; it must be one of {', '.join(PICKS)}")
    rows = _scores_of(head, features)
    if pick == "skipped":
        return head
    centre, covariance = scores_under(head, rows)
    tossed = 1 / FOUR if pick in NAMES else 0.0
    heard = choice_moments(centre, covariance, PICKS.index(pick), lapse_rate=head.lapse_rate, tossed=tossed)
    return moved(head, rows, heard)


def predict_four(head: Head, features: npt.ArrayLike) -> FloatArray:
    """How likely each of four clips with ``features`` ``(4, F)`` is picked, if one is: ``(4,)``, summing to 1."""
    rows = _scores_of(head, features)
    centre, covariance = scores_under(head, rows)
    values, vectors = np.linalg.eigh(covariance)
    grid, weights = quadrature(FOUR)
    scores = centre + (grid * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    chance = np.exp(scores - scores.max(axis=1, keepdims=True))
    chance /= chance.sum(axis=1, keepdims=True)
    likely: FloatArray = (1 - head.lapse_rate) * (weights @ chance) + head.lapse_rate / FOUR
    return likely


def _scores_of(head: Head, features: npt.ArrayLike) -> FloatArray:
    """The rows ``(4, F + 3)`` that make the four scores above none's from weights and manner."""
    clips = np.asarray(features, dtype=np.float64)
    if clips.shape != (FOUR, len(head.mean)) or not np.isfinite(clips).all():
        raise ValueError(f"features must be {(FOUR, len(head.mean))} finite numbers, not {clips.shape}")
    manner = np.zeros((FOUR, len(RESPONSE)))
    manner[:, RESPONSE.index("side")] = LEANING
    manner[:, RESPONSE.index("enough")] = -1.0
    return np.hstack([clips, manner])
