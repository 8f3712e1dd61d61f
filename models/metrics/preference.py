"""How well predicted picks match given ones, and how well they could: accuracy, log loss, calibration, a ceiling.

Ties: a vote for "equal" has no right side, so accuracy and calibration look at decided votes only (left or right);
log loss is over all three outcomes. "neither" and "skipped" are left out.

The ceiling comes from pairs that a person judged twice, sides swapped. Where the better clip of pair i is picked with
the chance p_i, the mean of max(p_i, 1 - p_i) is the most that any prediction can get right, and both votes on it agree
with the chance p_i^2 + (1 - p_i)^2, whose mean is c. By Jensen's inequality the ceiling lies between c (all pairs
certain or even) and (1 + sqrt(2 c - 1)) / 2 (all pairs alike).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.metrics.intervals import Figure, bootstrap, wilson

FloatArray = npt.NDArray[np.float64]


def accuracy(p_left: npt.ArrayLike, p_right: npt.ArrayLike, outcomes: Sequence[str]) -> Figure:
    """Share of decided votes whose side was thought the likelier one; a prediction without a side counts half."""
    left, right = _checked(p_left, p_right, outcomes)
    decided = _decided(outcomes)
    lean = np.sign(left - right)[decided]
    truth = np.array([1.0 if outcome == "left" else -1.0 for outcome in outcomes])[decided]
    return wilson(float(((lean * truth + 1) / 2).sum()), int(decided.sum()))


def log_loss(p_left: npt.ArrayLike, p_equal: npt.ArrayLike, p_right: npt.ArrayLike, outcomes: Sequence[str]) -> Figure:
    """Mean of -log P(what was answered), nats, over left, right and equal, with a bootstrap interval over votes."""
    left, right = _checked(p_left, p_right, outcomes)
    equal = np.asarray(p_equal, dtype=np.float64)
    given = {"left": left, "right": right, "equal": equal}
    losses = [-math.log(max(given[what][i], 1e-12)) for i, what in enumerate(outcomes) if what in given]
    return bootstrap(losses)


def calibration_error(
    p_left: npt.ArrayLike, p_right: npt.ArrayLike, outcomes: Sequence[str], *, bins: int = 10
) -> float:
    """Expected calibration error of P(left, given a decided vote), in ``bins`` equal-count bins; nan without votes."""
    left, right = _checked(p_left, p_right, outcomes)
    decided = _decided(outcomes)
    if not decided.any():
        return math.nan
    predicted = (left / np.maximum(left + right, 1e-12))[decided]
    came = np.array([outcome == "left" for outcome in outcomes], dtype=np.float64)[decided]
    return binned_error(predicted, came, bins=bins)


def binned_error(predicted: npt.ArrayLike, came: npt.ArrayLike, *, bins: int = 10) -> float:
    """Mean distance of predicted probabilities and shares that ``came`` true, ``(n,)`` each, in equal-count bins.

    Equal predictions are put into bins in random order: as they came they might be sorted by what happened.
    """
    p, y = np.asarray(predicted, dtype=np.float64), np.asarray(came, dtype=np.float64)
    order = np.lexsort((np.random.default_rng(0).random(len(p)), p))
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return float(sum(len(part) * abs(p[part].mean() - y[part].mean()) for part in parts) / max(len(p), 1))


def _checked(p_left: npt.ArrayLike, p_right: npt.ArrayLike, outcomes: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    left, right = np.asarray(p_left, dtype=np.float64), np.asarray(p_right, dtype=np.float64)
    if left.shape != (len(outcomes),) or right.shape != left.shape:
        raise ValueError(f"predictions {left.shape} and {right.shape} for {len(outcomes)} votes")
    return left, right


def _decided(outcomes: Sequence[str]) -> npt.NDArray[np.bool_]:
    return np.array([outcome in {"left", "right"} for outcome in outcomes], dtype=np.bool_)


@dataclass(frozen=True)
class Consistency:
    """``agreement``: share of repeats where the same clip was picked again; ``ceiling``: the most that can be right.

    ``ceiling.value`` is the upper bound for the agreement found, ``ceiling.low`` the lower bound for the lower end of
    its interval, ``ceiling.high`` the upper one for the upper end. ``same_side``: share of repeats where the same
    button was pressed, though the clips had changed places.
    """

    agreement: Figure
    ceiling: Figure
    same_side: Figure


def consistency(repeats: Iterable[tuple[str, str]]) -> Consistency:
    """From (first outcome, outcome of the mirrored repeat) of each pair; those with a tie or no pick are left out."""
    decided = [(one, two) for one, two in repeats if {one, two} <= {"left", "right"}]
    agreed = sum(one != two for one, two in decided)  # the sides were swapped
    agreement = wilson(agreed, len(decided))
    ceiling = Figure(most_right(agreement.value), max(agreement.low, 0.5), most_right(agreement.high), len(decided))
    return Consistency(agreement, ceiling, wilson(len(decided) - agreed, len(decided)))


def most_right(agreement: float) -> float:
    """The highest accuracy that a person of this ``agreement`` with themselves allows; 0.5 where it is chance."""
    return math.nan if math.isnan(agreement) else (1 + math.sqrt(max(2 * agreement - 1, 0.0))) / 2
