"""A mood as pages let somebody choose it: one of four, or any."""

from __future__ import annotations

from models.mood import dial
from models.mood.dial import MoodName
from webapp.ui.words import capital

ANY = "any"
GUESSED = "Our model's guess, which has learned from pop piano."
MOODS = (("Any", ANY), *((capital(mood), mood) for mood in dial.MOODS))


def mood_of(chosen: str | None) -> MoodName | None:
    """The mood that was chosen; None for any."""
    return next((mood for mood in dial.MOODS if mood == chosen), None)
