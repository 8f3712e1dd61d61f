"""Which moods somebody wants and picks: what a piece loses for lying away from a mood, and a head of two features.

How far away is too far depends on the pieces among which is chosen, as by the tension dial (``models.tension.liking``):
chorales are calm as a rule, and who wants them tense gets the least calm that there are.

The head of valence and arousal learns from somebody's picks alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from models.mood.labels import AROUSAL, VALENCE
from models.taste.explain import MAYBE, with_odds
from models.taste.head import Head, after, answer_vote

Floats = npt.NDArray[np.float64]

MoodName = Literal["happy", "tense", "sad", "calm"]
MOODS: tuple[MoodName, ...] = get_args(MoodName)  # the corners of valence and arousal, in the order of ``QUADRANTS``
WEIGHT = 2.0  # standard deviations of the head's score that one standard deviation of the distance costs
LEAST_DISTANCE_SD = 0.05  # of the distance: among pieces that hardly differ in mood nobody gives up what they like

PRIOR_SD = 1.0  # of what a standard deviation of valence, or of arousal, is worth: as wide as that of a style
LEAST_SD = 0.1  # of valence or arousal among the clips: where they hardly differ nothing can be told
ENDS = {"valence": ("sad", "happy"), "arousal": ("calm", "lively")}
VERSION = "mood"


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
    lost: Floats = weight * (away - away.min()) / max(float(away.std()), LEAST_DISTANCE_SD)
    return lost


@dataclass(frozen=True)
class Leaning:
    """What one standard deviation more of ``mood`` is worth to somebody, with its doubt ``sd``.

    ``confidence``: probability that the sign is right; ``lean`` says it in words, and is empty where nothing shows.
    """

    mood: str
    effect: float
    sd: float
    confidence: float
    lean: str


def leanings(picks: Sequence[tuple[Floats, str]]) -> list[Leaning]:
    """What ``picks`` tell: the moods of two or four clips ``(k, 2)``, valence and arousal, and the outcome.

    By valence and by arousal. Without picks nothing shows.
    """
    spread = np.concatenate([moods for moods, _ in picks]).std(0) if picks else np.ones(2)
    scale = np.maximum(spread, LEAST_SD)
    head = Head.of(np.zeros(2), PRIOR_SD**2 * np.eye(2), VERSION)
    for moods, outcome in picks:
        head = after(head, answer_vote(head, moods / scale, outcome))
    return [_leaning(mood, float(head.mean[i]), math.sqrt(head.covariance[i, i])) for i, mood in enumerate(ENDS)]


def _leaning(mood: str, effect: float, sd: float) -> Leaning:
    confidence = float(ndtr(abs(effect) / sd))
    words = with_odds(ENDS[mood][effect > 0], confidence) if confidence >= MAYBE else ""
    return Leaning(mood, effect, sd, confidence, words)
