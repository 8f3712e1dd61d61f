"""What a linear probe reads of mood from latents: every clip by a probe that has learned from other songs alone.

The probe is Fisher's discriminant with a ridge. Both halves of valence and of arousal count the same, however rare one
is, in its fit and in its accuracy (balanced accuracy, Brodersen et al. 2010), so chance is one half.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.experiments.report import Metric
from models.mood.liking import MOODS, corner

FOLDS = 5
RIDGE = 1e-2  # relative to the variance of a latent dimension
LEAST_SD = 1e-6
LEAST = 20  # clips of the rarer half, below which nothing is read
DRAWS = 500  # of songs, for an interval
CHANCE = 0.5

Floats = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Reading:
    """``places`` ``(clips, 2)``: valence and arousal as they are read, and how often each has the right sign.

    A place is about -1 where the average clip of the lower half lies, and about 1 for the upper half, if all is told.
    """

    places: Floats
    valence: Metric
    arousal: Metric


def rarest(moods: Sequence[str]) -> int:
    """How many clips the rarest half of valence and of arousal has; ``moods`` are among ``MOODS``."""
    signs = _signs(moods)
    return int(min((signs > 0).sum(0).min(), (signs < 0).sum(0).min()))


def read_moods(latents: Mapping[str, npt.ArrayLike], moods: Sequence[str], songs: Sequence[str]) -> dict[str, Reading]:
    """What is read from each group alone: ``latents`` are group → ``(clips, dim)``.

    Raises ``ValueError`` where fewer than ``LEAST`` clips are of a half, or their songs are too few for the folds.
    """
    signs = _signs(moods)
    names, owner = np.unique(np.asarray(songs), return_inverse=True)
    if rarest(moods) < LEAST or len(names) < FOLDS:
        raise ValueError(f"{rarest(moods)} clips of the rarer half and {len(names)} songs are too few to read a mood")
    random = np.random.default_rng(0)
    fold = (random.permutation(len(names)) % FOLDS)[owner]
    drawn = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=DRAWS)
    found = {}
    for group, values in latents.items():
        x = np.asarray(values, dtype=np.float64)
        places = np.zeros(signs.shape)
        for each in range(FOLDS):
            own = fold == each
            places[own] = _fitted(x[~own], signs[~own], x[own])
        valence, arousal = (_accuracy(places[:, i], signs[:, i], owner, drawn) for i in range(2))
        found[group] = Reading(places, valence, arousal)
    return found


def _signs(moods: Sequence[str]) -> Floats:
    """Valence and arousal of each mood, 1 or -1: ``(clips, 2)``."""
    corners = {name: corner(name) for name in MOODS}
    return np.array([corners[mood] for mood in moods if mood in corners], dtype=np.float64).reshape(-1, 2)


def _fitted(known: Floats, signs: Floats, other: Floats) -> Floats:
    """What a probe that is fitted to ``known`` ``(clips, dim)`` reads from ``other``: ``(others, 2)``."""
    middle, scale = known.mean(0), np.maximum(known.std(0), LEAST_SD)
    x, z = (np.column_stack([(each - middle) / scale, np.ones(len(each))]) for each in (known, other))
    ridge = RIDGE * np.diag([*np.ones(x.shape[1] - 1), 0.0])  # the constant is free
    read = np.zeros((len(other), signs.shape[1]))
    for column, sign in enumerate(signs.T):
        up, down = max(1, int((sign > 0).sum())), max(1, int((sign < 0).sum()))
        weight = np.where(sign > 0, 0.5 / up, 0.5 / down)[:, None]
        read[:, column] = z @ np.linalg.solve((x * weight).T @ x + ridge, (x * weight).T @ sign)
    return read


def _accuracy(place: Floats, sign: Floats, owner: IntArray, drawn: IntArray) -> Metric:
    """Mean share of right signs of both halves, with an interval over ``drawn`` ``(draws, songs)``."""
    right, up = (place > 0) == (sign > 0), sign > 0
    parts = np.stack([right & up, up, right & ~up, ~up], axis=1).astype(np.float64)
    of_song = np.zeros((drawn.shape[1], 4))
    np.add.at(of_song, owner, parts)
    counts = np.maximum(drawn @ of_song, 1e-9)
    low, high = np.quantile(_balanced(counts), [0.025, 0.975])
    return Metric(float(_balanced(of_song.sum(0))), float(low), float(high), len(place), chance=CHANCE)


def _balanced(counts: Floats) -> Floats:
    """From ``(..., 4)``: right ones of the upper half, all of it, and the same of the lower half."""
    shares: Floats = (counts[..., 0] / counts[..., 1] + counts[..., 2] / counts[..., 3]) / 2
    return shares
