"""Walks through drawings: films where there is no film. Pictures follow each other by cuts and by cross-fades.

Each drifts a little while it is seen, some more and some less, so that there is motion to measure.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from models.picture.film import A_SECOND, SIDE, Film, Pictures

SHORTEST_S, LONGEST_S = 2.0, 5.0  # of a picture
FADED, FADE_S = 0.5, 1.2  # share of the changes that are fades, and how long these are
FASTEST = 0.05  # of its side that a picture drifts a second


def walk(pictures: Sequence[Pictures], seconds: float, rng: np.random.Generator) -> Film:
    """A film of so many ``seconds`` through ``pictures`` ``(SIDE, SIDE, 3)`` in their order, from the first on."""
    ends = np.cumsum(rng.uniform(SHORTEST_S, LONGEST_S, len(pictures)))
    if ends[-1] < seconds:
        raise ValueError(f"{len(pictures)} pictures last {ends[-1]:.0f} seconds; {seconds:g} are needed")
    faded = rng.random(len(pictures)) < FADED
    speed = FASTEST * rng.random((len(pictures), 1)) ** 2 * rng.choice([-1, 1], (len(pictures), 2))
    times = np.arange(0, seconds, 1 / A_SECOND)
    frames = []
    for time in times:
        one = int(np.searchsorted(ends, time, side="right"))
        frame = _drifted(pictures[one], speed[one] * (time - ends[one]))
        till = ends[one] - time
        if faded[one] and till < FADE_S and one + 1 < len(pictures):
            share = 1 - till / FADE_S
            coming = _drifted(pictures[one + 1], np.zeros(2))
            frame = (frame * (1 - share) + coming * share).round().astype(np.uint8)
        frames.append(frame)
    cuts = ends[:-1][~faded[:-1]]
    return Film(np.stack(frames), times, cuts[cuts < seconds], seconds)


def _drifted(picture: Pictures, by: np.ndarray) -> Pictures:
    """Seen through a window a little smaller than the picture, ``by`` of its side from its middle."""
    room = SIDE * 0.1
    left, top = (float(np.clip(room / 2 + SIDE * each, 0, room)) for each in by)
    box = (left, top, left + SIDE - room, top + SIDE - room)
    return np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=box))
