"""Moods in words."""

from __future__ import annotations

from models.mood.labels import AROUSAL, VALENCE
from models.mood.liking import MOODS
from webapp.generation.protocol import Mood

CLEARLY, A_LITTLE = 0.5, 0.15
CORNERS = {(int(v), int(a)): name for name, v, a in zip(MOODS, VALENCE, AROUSAL, strict=True)}  # signs → word


def in_words(mood: Mood) -> str:
    """Such as "happy", "rather calm" or "between happy and tense"."""
    glad, lively = (_sign(value) for value in (mood.valence, mood.arousal))
    if not glad and not lively:
        return "in the middle: neither glad nor sad, neither lively nor calm"
    if not glad:
        return f"between {CORNERS[1, lively]} and {CORNERS[-1, lively]}"
    if not lively:
        return f"between {CORNERS[glad, 1]} and {CORNERS[glad, -1]}"
    surely = min(abs(mood.valence), abs(mood.arousal)) >= CLEARLY
    return CORNERS[glad, lively] if surely else f"rather {CORNERS[glad, lively]}"


def sounding(mood: Mood) -> str:
    """``in_words``, where that says anything: "" for a mood in the middle."""
    return in_words(mood) if max(abs(mood.valence), abs(mood.arousal)) >= A_LITTLE else ""


def _sign(value: float) -> int:
    return 0 if abs(value) < A_LITTLE else 1 if value > 0 else -1
