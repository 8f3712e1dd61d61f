"""Asking for a mood where music is chosen: what a piece loses for lying away from it, beside how well it is liked.

How far is told beside the pieces among which is chosen, as by the tension dial (``models.tension.liking``): chorales
are calm as a rule, and who wants them tense gets the least calm that there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from models.mood.labels import AROUSAL, VALENCE

Floats = npt.NDArray[np.float64]
MoodName = Literal["happy", "tense", "sad", "calm"]

MOODS: tuple[MoodName, ...] = get_args(MoodName)  # the corners of valence and arousal, in the order of ``QUADRANTS``
WEIGHT = 2.0  # standard deviations of the head's score that one standard deviation of the distance costs
LEAST_SD = 0.05  # of the distance: among pieces that hardly differ in mood nobody gives up what they like


def corner(mood: MoodName) -> Floats:
    """Valence and arousal of a mood, 1 or -1 each ``(2,)``; raises ``ValueError`` for a word that is none."""
    if mood not in MOODS:
        raise ValueError(f"the mood {mood!r} was asked for; there are {', '.join(MOODS)}")
    place = MOODS.index(mood)
    return np.array([VALENCE[place], AROUSAL[place]])


def cost(heard: npt.ArrayLike, mood: MoodName | Sequence[float], weight: float = WEIGHT) -> Floats:
    """What each piece loses for lying away from ``mood``, in standard deviations of a score ``(N,)``.

    ``heard`` ``(N, 2)``: valence and arousal, -1 to 1. ``mood``: a name, for its corner, or valence and arousal of any
    place. The nearest loses nothing. Raises as ``corner`` does.
    """
    wanted = corner(mood) if isinstance(mood, str) else np.asarray(mood, dtype=np.float64)
    away: Floats = np.linalg.norm(np.asarray(heard, dtype=np.float64).reshape(-1, 2) - wanted, axis=1)
    if len(away) == 0:
        return away
    lost: Floats = weight * (away - away.min()) / max(float(away.std()), LEAST_SD)
    return lost
