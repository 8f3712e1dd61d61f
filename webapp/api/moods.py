"""The HTTP interface of moods, under ``/api/moods``: how music sounds to the judges, and how it is moved.

Valence goes from sad (-1) to happy (1), arousal from calm (-1) to lively (1).
"""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from webapp.api.dependencies import ERRORS, Known, TheContext
from webapp.api.studio import AskedRecipe, LinkKey, Named
from webapp.composing.dials import Degree, noted_mood
from webapp.generation.protocol import Mood
from webapp.mood import hearing, steering
from webapp.mood.words import in_words
from webapp.studio.pieces import OpenedPiece

router = APIRouter(prefix="/api/moods", tags=["studio"])


class Heard(BaseModel):
    """What the judges say of a clip or piece."""

    valence: float
    arousal: float
    words: str


class AskedMood(AskedRecipe):
    """A recipe, and where its music is to go."""

    valence: Degree
    arousal: Degree


class Moved(BaseModel):
    """The version that came nearest, null where none is nearer than the recipe's content, and what was and is heard."""

    piece: OpenedPiece | None
    before: Heard
    after: Heard


def told(mood: Mood) -> Heard:
    """A mood as this interface tells it."""
    return Heard(**noted_mood(mood), words=in_words(mood))


@router.get("/{kind}/{source_id}", responses=ERRORS)
def read_mood(name: Named, context: TheContext, listener_id: Known, link: LinkKey = "") -> Heard:
    """How a clip or a piece of the studio sounds to the judges of mood."""
    return told(hearing.hear(context.studio, listener_id, name, link))


@router.post("", status_code=201, responses=ERRORS)
def move(asked: AskedMood, context: TheContext, listener_id: Known) -> Moved:
    """Compose versions of a recipe towards a mood and keep the one that is judged nearest, where it is nearer."""
    target = Mood(valence=asked.valence, arousal=asked.arousal)
    found = steering.steer(context.studio, listener_id, asked.checked(), asked.content, target)
    if found is None:
        before = told(hearing.hear(context.studio, listener_id, asked.content))
        return Moved(piece=None, before=before, after=before)
    return Moved(piece=found.piece, before=told(found.before), after=told(found.after))
