"""How well anybody's votes can be foreseen at all: a ceiling from pairs that a person judged twice, sides swapped.

Where the better clip of pair i is picked with the chance p_i, the mean of max(p_i, 1 - p_i) is the most that any
prediction can get right, and both votes on it agree with the chance p_i^2 + (1 - p_i)^2, whose mean is c. By Jensen's
inequality the ceiling lies between c (all pairs certain or even) and (1 + sqrt(2 c - 1)) / 2 (all pairs alike).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from models.metrics.intervals import Figure, wilson


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
