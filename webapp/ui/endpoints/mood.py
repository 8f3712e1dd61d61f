"""The endpoints of mood: how music sounds to the judges, and a version of it that sounds as asked."""

from __future__ import annotations

from typing_extensions import TypedDict

from webapp.composing.dials import Degree, noted_mood
from webapp.context import Context
from webapp.generation.protocol import Mood
from webapp.mood import hearing, steering
from webapp.mood.words import in_words
from webapp.studio.pieces import Recipe
from webapp.ui.endpoints.endpoint import SLOW, Endpoint, SourceName, Token
from webapp.ui.handlers import listener_of


class HeardMood(TypedDict):
    """A clip or piece by its name, and what the judges say of it."""

    name: str
    valence: float
    arousal: float
    words: str


def mood(context: Context, token: Token, clip: SourceName) -> HeardMood:
    """How a clip or a piece of the studio sounds to two judges that learned from pop piano: a guess.

    Args:
        token: the listener's token.
        clip: a clip that the listener may hear, or a piece of theirs.

    Returns:
        Valence from sad (-1) to happy (1), arousal from calm (-1) to lively (1), and both in words.
    """
    return _told(clip, hearing.hear(context.studio, listener_of(context, token), clip))


def to_mood(
    context: Context, token: Token, clip: SourceName, *, valence: Degree = 0.0, arousal: Degree = 0.0
) -> HeardMood:
    """Compose a clip or piece again so that it sounds as asked, and keep that in the studio.

    Several versions are composed, with styles of pieces that have the mood or with notes changed by rules.

    Args:
        token: the listener's token.
        clip: a clip that the listener may hear, or a piece of theirs.
        valence: from sad (-1) to happy (1).
        arousal: from calm (-1) to lively (1).

    Returns:
        The version that is judged nearest, by its name in the studio; the clip itself where none is nearer than it.
    """
    listener_id = listener_of(context, token)
    found = steering.steer(context.studio, listener_id, Recipe(clip), clip, Mood(valence=valence, arousal=arousal))
    if found is None:
        return _told(clip, hearing.hear(context.studio, listener_id, clip))
    return _told(found.piece.name, found.after)


def _told(name: str, heard: Mood) -> HeardMood:
    noted = noted_mood(heard)
    return {"name": name, "valence": noted["valence"], "arousal": noted["arousal"], "words": in_words(heard)}


ENDPOINTS = (Endpoint("mood", mood, SLOW), Endpoint("to_mood", to_mood, SLOW))
