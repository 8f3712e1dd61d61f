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

from models.taste.head import Answer, Head, Scores, after
from models.taste.likelihood import RESPONSE, FloatArray, choice_moments, quadrature

Place = Literal["a", "b", "c", "d"]
Pick = Literal[Place, "none", "skipped"]
FOUR = 4
NAMES: tuple[Place, ...] = get_args(Place)  # the clips in the order of their places
PICKS: tuple[Pick, ...] = get_args(Pick)
LEANING = np.linspace(0.5, -0.5, FOUR)  # share of the side bias at each place, in reading order


MANNER = np.zeros((FOUR, len(RESPONSE)))
MANNER[:, RESPONSE.index("side")] = LEANING
MANNER[:, RESPONSE.index("enough")] = -1.0


def answer_four(head: Head, features: npt.ArrayLike, pick: Pick, effects: npt.ArrayLike | None = None) -> Answer | None:
    """What one pick among four clips with ``features`` ``(4, F)`` and ``effects`` ``(4,)`` tells; None where skipped.

    In the order of their places. Raises ``ValueError`` on another pick or features of another shape.
    """
    if pick not in PICKS:
        raise ValueError(f"the pick is {pick!r}; it must be one of {', '.join(PICKS)}")
    scores = _scores(head, features, effects)
    if pick == "skipped":
        return None
    tossed = 1 / FOUR if pick in NAMES else 0.0
    lapses = head.lapse_rate
    heard = choice_moments(scores.centre, scores.covariance, PICKS.index(pick), lapse_rate=lapses, tossed=tossed)
    return Answer(scores, heard)


def update_four(head: Head, features: npt.ArrayLike, pick: Pick, effects: npt.ArrayLike | None = None) -> Head:
    """The head after such a pick. Costs O(F^2)."""
    return after(head, answer_four(head, features, pick, effects))


def predict_four(head: Head, features: npt.ArrayLike, effects: npt.ArrayLike | None = None) -> FloatArray:
    """How likely each of four clips with ``features`` ``(4, F)`` is picked, if one is: ``(4,)``, summing to 1."""
    found = _scores(head, features, effects)
    values, vectors = np.linalg.eigh(found.covariance)
    grid, weights = quadrature(FOUR)
    scores = found.centre + (grid * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    chance = np.exp(scores - scores.max(axis=1, keepdims=True))
    chance /= chance.sum(axis=1, keepdims=True)
    likely: FloatArray = (1 - head.lapse_rate) * (weights @ chance) + head.lapse_rate / FOUR
    return likely


def _scores(head: Head, features: npt.ArrayLike, effects: npt.ArrayLike | None) -> Scores:
    """The four scores above none's."""
    return Scores.of(head, features, np.eye(FOUR), MANNER, effects)
