"""The studio's dial: of some versions of a recipe the one whose future is as much more or less open as is asked.

They are composed as variations are, and heard together with the piece that is there now by the generation server.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from models.tension.liking import STEP
from webapp.composing.sources import find
from webapp.generation.protocol import answered
from webapp.runtime.errors import NotAllowed
from webapp.studio import composing
from webapp.studio.pieces import OpenedPiece, Recipe
from webapp.studio.studio import Studio

TRIED = 4  # versions, of which one is taken
LEAST = 0.1  # standard deviations that it has to go in the right direction


@dataclass(frozen=True)
class Steered:
    """The version that was found, None where none goes in that direction, and how open it is (``after``).

    ``before``: how open the piece was that it is to differ from. Both in standard deviations of real music of its
    domain. ``seeds`` were used.
    """

    piece: OpenedPiece | None
    before: float
    after: float
    seeds: list[int]


def steer(studio: Studio, listener_id: uuid.UUID, recipe: Recipe, now: str, *, tenser: bool, link: str = "") -> Steered:
    """Compose ``TRIED`` versions of ``recipe`` and choose the one nearest to a step from ``now`` (``clips/ID``, …).

    Raises as ``composing.variations`` does, and ``NotAllowed`` where ``now`` can't be heard.
    """
    here = studio.database.transaction(lambda session: find(session, now, listener_id, link))
    made = composing.variations(studio, listener_id, recipe, TRIED)
    found = studio.database.transaction(
        lambda session: [find(session, piece.name, listener_id).notes for piece in made]
    )
    with answered("the tension model", "this piece can't be heard"):
        before, *after = studio.generation.rewards([here.notes, *found], here.music).rewards
    if before is None:
        raise NotAllowed("this piece can't be heard: it has no note; start from another one")
    direction = 1 if tenser else -1
    heard = [(each.future, piece) for each, piece in zip(after, made, strict=True) if each is not None]
    there = [each for each in heard if (each[0] - before.future) * direction >= LEAST]
    seeds = [piece.recipe.seed for piece in made if piece.recipe]
    if not there:
        return Steered(None, before.future, before.future, seeds)
    future, piece = min(there, key=lambda each: abs(each[0] - before.future - STEP * direction))
    return Steered(piece, before.future, future, seeds)
