"""Short films made of the drawings that come with Kallos: each scene is one that moves, cut to or faded into the next.

The drawings are of the public domain (Open Clip Art Library), so these films may be shown and shipped.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.picture.drawings import Drawings
from models.picture.film import A_SECOND, SIDE, Film, Pictures
from models.picture.vector import GRID, document, hex_of, rendered

SHOWN_A_SECOND, SHOWN = 20, 400  # pictures, and pixels of a side
FADE_S = 0.9
HOP = 0.05  # how high, of the picture

Floats = npt.NDArray[np.float64]
Place = tuple[float, float, float]  # x and y of the middle, 0 to 1 from the left and from the top, and the size


@dataclass(frozen=True)
class Scene:
    """A drawing, by the beginning of its name, on paper of a colour; it goes from one place to another.

    ``fades``: the scene before fades into this one; it is cut otherwise. ``hops``: how often the drawing hops.
    """

    drawing: str
    paper: str
    seconds: float
    start: Place
    end: Place
    fades: bool = False
    hops: int = 0

    def place(self, since_s: float) -> Place:
        """The size of the drawing, and where on the grid its left and top edges are, so long after the beginning."""
        share = min(1.0, since_s / self.seconds)
        x, y, size = (float(each) for each in (1 - share) * np.array(self.start) + share * np.array(self.end))
        y -= HOP * abs(math.sin(math.pi * self.hops * share))
        return round(size, 4), round(GRID * (x - size / 2), 1), round(GRID * (y - size / 2), 1)


@dataclass(frozen=True)
class Moment:
    """The colour of the paper, red to blue in 0 to 1, and what is drawn: scene, opacity, size, left, top."""

    paper: Floats
    drawn: list[tuple[int, float, float, float, float]]


@dataclass(frozen=True)
class Short:
    """A film's title and its scenes."""

    title: str
    scenes: tuple[Scene, ...]

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return sum(scene.seconds for scene in self.scenes)

    @property
    def starts_s(self) -> list[float]:
        """When each scene begins."""
        return list(accumulate((scene.seconds for scene in self.scenes[:-1]), initial=0.0))

    def at(self, time_s: float) -> Moment:
        """What is seen at a time."""
        starts = self.starts_s
        number = bisect_right(starts, time_s) - 1
        since, scene = time_s - starts[number], self.scenes[number]
        share = min(1.0, since / FADE_S) if scene.fades and number else 1.0
        paper, drawn = _rgb(scene.paper), [(number, round(share, 3), *scene.place(since))]
        if share < 1:
            before = self.scenes[number - 1]
            paper = (1 - share) * _rgb(before.paper) + share * paper
            drawn.insert(0, (number - 1, round(1 - share, 3), *before.place(before.seconds)))
        return Moment(paper, drawn)


SHORTS = {
    "night-and-day": Short(
        "Night and day",
        (
            Scene("geography/moon_charles", "#0d1330", 4.4, (0.3, 0.75, 0.35), (0.62, 0.35, 0.45)),
            Scene("transportation/lighthouse", "#22305c", 4.4, (0.5, 0.55, 0.8), (0.5, 0.55, 0.95), fades=True),
            Scene("plants/tree_branches", "#f2b27a", 4.4, (0.5, 0.62, 0.7), (0.5, 0.5, 0.9), fades=True),
            Scene("plants/flower1_julia", "#fff3c9", 4.4, (0.5, 0.6, 0.4), (0.5, 0.5, 1.1), fades=True),
        ),
    ),
    "on-the-road": Short(
        "On the road",
        (
            Scene("transportation/bicycle_01", "#dff0e0", 2.6, (1.1, 0.6, 0.6), (0.2, 0.55, 0.6)),
            Scene("transportation/car_c2", "#bfe3f5", 2.2, (1.2, 0.6, 0.7), (-0.2, 0.6, 0.7), hops=3),
            Scene("transportation/motorcycle", "#f6d9a8", 1.8, (-0.2, 0.6, 0.8), (1.2, 0.55, 0.8), hops=4),
            Scene("transportation/bus1_jarno", "#d8d4ef", 1.8, (-0.3, 0.55, 0.9), (1.2, 0.55, 0.9), hops=4),
            Scene("transportation/truck_jarno", "#f7c7b8", 1.8, (-0.3, 0.55, 1.0), (1.3, 0.55, 1.0), hops=4),
            Scene("transportation/rocket", "#1d2a63", 3.6, (0.1, 0.95, 0.6), (0.75, 0.2, 1.2)),
        ),
    ),
    "in-the-garden": Short(
        "In the garden",
        (
            Scene("animals/lumaca", "#cfe3b8", 4.2, (0.2, 0.65, 0.6), (0.6, 0.6, 0.7)),
            Scene("animals/caterpillar", "#e3efc0", 3.4, (0.4, 0.6, 0.6), (0.6, 0.55, 0.8), fades=True, hops=3),
            Scene("animals/farfalla_semp", "#fbe0c8", 3.4, (0.3, 0.7, 0.4), (0.65, 0.4, 0.9), fades=True, hops=3),
            Scene("animals/bee3", "#fdf2a8", 2.2, (0.95, 0.3, 0.5), (0.1, 0.55, 0.7), hops=5),
            Scene("plants/red_flower", "#ffd9d0", 3.6, (0.5, 0.5, 0.5), (0.5, 0.5, 1.2)),
        ),
    ),
}


@dataclass(frozen=True)
class Shown:
    """A short film with the drawings of its scenes, which can be looked at anywhere."""

    short: Short
    elements: Sequence[str]

    @classmethod
    def of(cls, short: Short, drawings: Drawings) -> Shown:
        """The film; raises ``ValueError`` for a scene whose drawing is not there."""
        return cls(short, [_elements(scene, place, drawings) for place, scene in enumerate(short.scenes)])

    def svg(self, time_s: float) -> str:
        """The picture at a time."""
        moment = self.short.at(time_s)
        drawn = "".join(
            f'<g opacity="{opacity}" transform="matrix({size} 0 0 {size} {left} {top})">{self.elements[number]}</g>'
            for number, opacity, size, left, top in moment.drawn
        )
        return document(moment.paper, drawn)

    def to_json(self) -> dict[str, Any]:
        """What a browser draws it from: the ``elements`` of each scene, and the paper and places of every picture."""
        moments = [
            self.short.at(number / SHOWN_A_SECOND) for number in range(round(self.short.seconds * SHOWN_A_SECOND))
        ]
        return {
            "seconds": self.short.seconds,
            "a_second": SHOWN_A_SECOND,
            "grid": GRID,
            "elements": list(self.elements),
            "pictures": [{"paper": hex_of(each.paper), "drawn": each.drawn} for each in moments],
        }

    def pictures(self, a_second: float = SHOWN_A_SECOND, side: int = SHOWN) -> Iterator[Pictures]:
        """Every picture, uint8 ``(side, side, 3)``."""
        for number in range(round(self.short.seconds * a_second)):
            yield rendered(self.svg(number / a_second), side)

    def film(self) -> Film:
        """What is seen, as films are read: small, ``A_SECOND``, with a cut where a scene begins."""
        frames = np.stack([
            np.asarray(Image.fromarray(each).resize((SIDE, SIDE), Image.Resampling.BOX))
            for each in self.pictures(A_SECOND, 2 * SIDE)
        ])  # fmt: skip
        times = np.arange(len(frames), dtype=np.float64) / A_SECOND
        return Film(frames, times, np.array(self.short.starts_s[1:]), self.short.seconds)


def _elements(scene: Scene, place: int, drawings: Drawings) -> str:
    row = next((row for row, name in enumerate(drawings.names) if name.startswith(scene.drawing)), None)
    if row is None:
        raise ValueError(f"there is no drawing {scene.drawing!r} in {drawings.version}")
    return drawings.drawings[row].elements(f"s{place}g")


def _rgb(colour: str) -> Floats:
    return np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
