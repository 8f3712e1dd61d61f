"""What can be measured of a picture, and of a film from frame to frame: five numbers that a person would name.

``brightness``: mean luma. ``warmth``: how much more red than blue there is. ``busyness``: how much luma differs from
pixel to pixel. ``size``: the share of the picture that is not background, the colour most common along its border.
``motion``: how much luma changes a second; a cut is no motion.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from models.picture.film import Film, Pictures

Floats = npt.NDArray[np.float64]

READOUTS = ("brightness", "warmth", "busyness", "size", "motion")
# Mean and standard deviation by which they are standardised: of drawings and of film, roughly in the middle of both
USUAL = np.array([[0.70, 0.05, 0.030, 0.45, 0.10], [0.20, 0.12, 0.018, 0.22, 0.13]])
LUMA = np.array([0.299, 0.587, 0.114])
APART = 0.12  # of a colour from the background's, from which on a pixel is not background
BORDER_LEVELS = 8
LEAST_SPREAD = 0.3  # of the usual one: a film in which hardly anything changes is not blown up to the whole range


def of_pictures(pictures: Pictures) -> Floats:
    """Brightness, warmth, busyness and size of ``pictures`` ``(pictures, side, side, 3)``: ``(pictures, 4)``."""
    return np.array([_of_picture(picture) for picture in pictures]).reshape(-1, 4)


def of_film(film: Film) -> Floats:
    """All five of each frame: ``(frames, 5)``; where a cut lies before a frame, its motion is the next one's."""
    still = of_pictures(film.frames)
    gaps = np.maximum(np.diff(film.times_s), 1e-3)
    lumas = (frame @ LUMA / 255 for frame in film.frames)
    change = np.array([np.abs(after - before).mean() for before, after in pairwise(lumas)]) / gaps
    shot = np.searchsorted(film.cuts_s, film.times_s, side="right")
    change[np.diff(shot) > 0] = np.nan
    return np.column_stack([still, _filled(np.append(change[:1], change))])


def standardised(values: Floats, usual: Floats = USUAL, most: float = 3.0) -> Floats:
    """A film's readouts ``(frames, 5)`` in standard deviations, ``most`` at most; ``usual``: mean and deviation.

    Half of it is where the film as a whole lies among others, and the rest how each moment differs from the film's own
    mean: a dark film sounds low, and its brightest moment still the highest.
    """
    mean, spread = usual
    level = np.clip((values.mean(0) - mean) / spread, -1.5, 1.5)
    own = np.maximum(values.std(0), LEAST_SPREAD * spread)
    found: Floats = np.clip(level / 2 + (values - values.mean(0)) / own, -most, most)
    return found


def by_bar(values: Floats, times_s: Floats, bars_s: Sequence[float] | Floats) -> Floats:
    """Means of ``values`` ``(frames, n)`` over each bar from ``bars_s`` ``(bars + 1,)``; else the nearest frame's."""
    edges = np.asarray(bars_s, dtype=np.float64)
    found = []
    for begin, end in pairwise(edges.tolist()):
        inside = (times_s >= begin) & (times_s < end)
        nearest = int(np.abs(times_s - (begin + end) / 2).argmin())
        found.append(values[inside].mean(0) if inside.any() else values[nearest])
    return np.array(found)


def _of_picture(picture: Pictures) -> tuple[float, float, float, float]:
    colour = picture / 255.0
    luma = colour @ LUMA
    busy = (np.abs(np.diff(luma, axis=0)).mean() + np.abs(np.diff(luma, axis=1)).mean()) / 2
    foreground = np.abs(colour - background(picture)).max(-1) > APART
    warm = (colour[..., 0] - colour[..., 2]).mean()
    return float(luma.mean()), float(warm), float(busy), float(foreground.mean())


def background(picture: Pictures) -> Floats:
    """The colour most common along the border."""
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    levels = border.astype(np.int64) * BORDER_LEVELS >> 8
    index = levels @ np.array([BORDER_LEVELS**2, BORDER_LEVELS, 1])
    common = index == np.bincount(index).argmax()
    found: Floats = border[common].mean(0) / 255.0
    return found


def _filled(values: Floats) -> Floats:
    """Not-a-number entries take the next number, else the one before, else 0."""
    there = np.flatnonzero(np.isfinite(values))
    if len(there) == 0:
        return np.zeros(len(values))
    after = there[np.minimum(np.searchsorted(there, np.arange(len(values))), len(there) - 1)]
    found: Floats = values[after]
    return found
