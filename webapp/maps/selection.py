"""Points of a map that somebody has drawn a line around: which they are, and what they have more of than the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from webapp.maps.open_maps import OpenMap

MOST_LABELS = 3  # of each colouring
LEAST_SHARE = 0.05


@dataclass(frozen=True)
class LabelShare:
    """How many in a hundred of the selected points bear a label, and of all points; 0 to 1."""

    colour: str
    label: str
    share: float
    usual: float


@dataclass(frozen=True)
class Selection:
    """Rows of a map in its own order, and the labels of each colouring that are commoner among them than elsewhere."""

    rows: list[int]
    labels: list[LabelShare]


def selection(found: OpenMap, rows: Sequence[int], hidden: Sequence[int] = ()) -> Selection:
    """The points ``rows`` of a map without those that are ``hidden``; rows that the map has not are passed over."""
    there = sorted(set(rows) & set(range(len(found.drawn.points))) - set(hidden))
    labels: list[LabelShare] = []
    for colour, values in found.colours.items():
        usual = Counter(values)
        counted = Counter(values[row] for row in there)
        labels += [
            LabelShare(colour, label, count / len(there), usual[label] / len(values))
            for label, count in counted.most_common(MOST_LABELS)
            if label and count >= LEAST_SHARE * len(there) and count * len(values) > usual[label] * len(there)
        ]
    return Selection(there, labels)
