"""The studio's pad: of some versions of a recipe the one that the judges hear nearest to the mood that is asked for.

Which versions there are says ``models.mood.steering``. Clips that everybody may hear lend their styles, so that the
recipe names whose harmony it is; where rules changed the notes, it has the rules.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import Any

from models.mood.steering import Version, nearest, versions
from webapp.composing.sources import CLIPS, Source, find
from webapp.generation.protocol import Mood
from webapp.mood import hearing
from webapp.runtime.errors import NotAllowed, TooMany
from webapp.runtime.limits import STEERED_A_SECOND, STEERED_AT_ONCE, Buckets
from webapp.studio import composing
from webapp.studio.pieces import Borrowed, OpenedPiece, Recipe
from webapp.studio.studio import Studio

OF_A_MOOD = 4  # pieces that are written for one, of which the nearest is kept

_asked = Buckets(STEERED_A_SECOND, STEERED_AT_ONCE)


@dataclass(frozen=True)
class Steered:
    """The piece that came nearest, and the moods of what was there ``before`` and of it (``after``)."""

    piece: OpenedPiece
    before: Mood
    after: Mood


def steer(
    studio: Studio, listener_id: uuid.UUID, recipe: Recipe, now: str, target: Mood, *, link: str = ""
) -> Steered | None:
    """Compose versions of ``recipe`` towards ``target`` and keep the nearest; None where none is nearer than ``now``.

    Where it keeps nothing they are written for the mood: of what is composed so more is right, and it sounds more real.

    Raises as ``composing.compose`` does, ``NotAllowed`` where ``now`` (``clips/ID``, …) has too few notes, and
    ``TooMany`` for a listener who asks without end.
    """
    if not _asked.take(str(listener_id)):
        raise TooMany("so many moods were asked for that others must come first; wait a few seconds")
    before = hearing.hear(studio, listener_id, now, link)
    content = studio.database.transaction(lambda session: find(session, recipe.content, listener_id))
    ways = _anew(recipe, target) if recipe.keeps_nothing else _versions(studio, recipe, content, target)
    wanted = _place(target)
    after = before

    def choose(made: list[dict[str, Any]]) -> int | None:
        nonlocal after
        heard = [mood or before for mood in hearing.judged(studio.generation, made)]
        best = nearest(wanted, [_place(mood) for mood in [before, *heard]])
        after = [before, *heard][best]
        return best - 1 if best else None

    piece = composing.best_of(studio, listener_id, ways, choose)
    return None if piece is None else Steered(piece, before, after)


def _anew(recipe: Recipe, target: Mood) -> list[Recipe]:
    return [replace(recipe, mood=_place(target), seed=(recipe.seed + way) % 2**53) for way in range(OF_A_MOOD)]


def _versions(studio: Studio, recipe: Recipe, content: Source, target: Mood) -> list[Recipe]:
    """Ways of the recipe to the mood; raises ``NotAllowed`` where all that carries one is locked."""
    lenders = {
        f"{CLIPS}/{clip_id}": mood
        for clip_id, mood in hearing.of_pool(studio, content.music).items()
        if f"{CLIPS}/{clip_id}" != recipe.content
    }
    ways = versions(
        _place(target),
        [_place(mood) for mood in lenders.values()],
        locked=recipe.locks.groups,
        notes_stay=recipe.locks.notes_stay,
    )
    if not ways:
        raise NotAllowed("everything that carries a mood is locked; unlock the harmony, the rhythm or the notes")
    return [_recipe(recipe, way, list(lenders)) for way in ways]


def _place(mood: Mood) -> tuple[float, float]:
    return mood.valence, mood.arousal


def _recipe(recipe: Recipe, way: Version, lenders: list[str]) -> Recipe:
    lent = {} if way.donor is None else dict.fromkeys(way.groups, Borrowed(lenders[way.donor]))
    turned = {group: by for group, by in recipe.turned.items() if group not in lent}
    return replace(recipe, styles={**recipe.styles, **lent}, turned=turned, rules=way.dials)
