"""Which moods somebody picks: a head of two features, valence and arousal, learned from their picks alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from models.taste.explain import MAYBE, with_odds
from models.taste.head import Answer, Head, Outcome, after, answer
from models.taste.plackett_luce import Pick, answer_four

Floats = npt.NDArray[np.float64]

PRIOR_SD = 1.0  # of what a standard deviation of valence, or of arousal, is worth: as wide as that of a style
LEAST_SD = 0.1  # of valence or arousal among the clips: where they hardly differ nothing can be told
ENDS = {"valence": ("sad", "happy"), "arousal": ("calm", "lively")}
VERSION = "mood"


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
        head = after(head, _answer(head, moods / scale, outcome))
    return [_leaning(mood, float(head.mean[i]), math.sqrt(head.covariance[i, i])) for i, mood in enumerate(ENDS)]


def _answer(head: Head, moods: Floats, outcome: str) -> Answer | None:
    if len(moods) > 2:
        return answer_four(head, moods, cast("Pick", outcome))
    return answer(head, moods, cast("Outcome", outcome))


def _leaning(mood: str, effect: float, sd: float) -> Leaning:
    confidence = float(ndtr(abs(effect) / sd))
    words = with_odds(ENDS[mood][effect > 0], confidence) if confidence >= MAYBE else ""
    return Leaning(mood, effect, sd, confidence, words)
