"""Composing in the studio: one piece's content, each style on its way from its own to another piece's."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from db.queries import listeners as listener_rows
from models.music.notes import Piece
from models.style.latents import Latents
from models.taste.bradley_terry import utilities
from models.taste.space import summary
from webapp.generation.protocol import BadRequest, GenerateRequest, GenerateResult, GenerationError
from webapp.generation.protocol import Source as Origin
from webapp.services import heads
from webapp.services.house import House
from webapp.services.problems import NotAllowed, NotReady, UnknownListenerError
from webapp.services.studio.opening import shown
from webapp.services.studio.room import check_rate, keep, place
from webapp.services.studio.sources import Source, find, named_traits

log = logging.getLogger(__name__)

DEADLINE_MS = 30_000


@dataclass(frozen=True)
class Borrowed:
    """Where a style comes from, and how far it goes from the content's own (0) to that (1)."""

    source: str
    strength: float


@dataclass(frozen=True)
class Recipe:
    """Everything that a composed piece is made from; the same recipe with the same model gives the same piece."""

    content: str
    styles: Mapping[str, Borrowed]
    seed: int

    def to_json(self) -> dict[str, Any]:
        """As it is stored and sent."""
        styles = {group: {"source": each.source, "strength": each.strength} for group, each in self.styles.items()}
        return {"content": self.content, "styles": styles, "seed": self.seed}


def compose(house: House, listener_id: uuid.UUID, recipe: Recipe) -> dict[str, Any]:
    """Compose and keep one piece; it is answered as the page shows it.

    Raises ``NotYours`` for a source that isn't the listener's to hear, ``NotAllowed`` for what can't be composed,
    ``TooMany`` beyond ``MOST_A_MINUTE`` pieces, and ``NotReady`` while no generator answers.
    """
    return _compose(house, listener_id, [recipe], ranked=False)[0]


def variations(house: House, listener_id: uuid.UUID, recipe: Recipe, count: int) -> list[dict[str, Any]]:
    """The recipe with the next ``count`` seeds, best for this listener first; raises as ``compose`` does."""
    recipes = [replace(recipe, seed=(recipe.seed + step) % 2**53) for step in range(1, count + 1)]
    return _compose(house, listener_id, recipes, ranked=True)


def mixed(own: Latents, borrowed: Latents, group: str, strength: float) -> Latents:
    """``own`` with one group on the straight line to ``borrowed``'s, bar by bar; shorter music is repeated."""
    theirs = borrowed.groups[group][np.arange(own.bars) % borrowed.bars]
    between = ((1 - strength) * own.groups[group] + strength * theirs).astype(np.float32)
    return replace(own, groups={**own.groups, group: between})


def current_latents(house: House, source: Source) -> Latents:
    """The source's latents by the model of today: as stored, or encoded again from its notes."""
    if source.model_version == house.space.version:
        return Latents.from_json(source.latents)
    return Latents.from_json(house.generator.encode(source.notes).latents)


def _compose(house: House, listener_id: uuid.UUID, recipes: Sequence[Recipe], *, ranked: bool) -> list[dict[str, Any]]:
    """All recipes at once; they differ in their seeds alone."""
    recipe = recipes[0]

    def read(session: Session) -> dict[str, Source]:
        check_rate(session, listener_id, len(recipes))
        wanted = {recipe.content, *(each.source for each in recipe.styles.values())}
        return {name: find(session, name, listener_id) for name in wanted}

    sources = house.database.transaction(read)
    with place():
        try:
            results = _generate(house, recipes, sources)
            latents = [_as_heard(house, result) for result in results] if ranked else []
        except BadRequest as error:
            raise NotAllowed(f"this can't be composed: {error}") from error
        except GenerationError as error:
            log.warning("studio_failed listener=%s error=%s", listener_id, error)
            raise NotReady("the composer does not answer just now; nothing is lost, try again in a moment") from error
    content = sources[recipe.content]

    def store(session: Session) -> list[str]:
        if listener_rows.lock_listener(session, listener_id) is None:
            raise UnknownListenerError("this listener was deleted meanwhile")
        names = []
        for each, result in zip(recipes, results, strict=True):
            name = keep(
                session,
                listener_id,
                domain=content.domain,
                title=content.title,
                recipe=each.to_json(),
                notes=result.notes,
                latents=result.latents,
                model_version=result.model_version,
            )
            names.append(name)
        return names

    names = house.database.transaction(store)

    def show(session: Session) -> list[dict[str, Any]]:
        made = [shown(session, house, listener_id, find(session, name, listener_id)) for name in names]
        return _ranked(session, house, listener_id, made, latents) if ranked else made

    made = house.database.transaction(show)
    log.info(
        "studio_composed listener=%s pieces=%d styles=%s", listener_id, len(made), ",".join(recipe.styles) or "own"
    )
    return made


def _generate(house: House, recipes: Sequence[Recipe], sources: Mapping[str, Source]) -> list[GenerateResult]:
    recipe = recipes[0]
    latents = {name: current_latents(house, source) for name, source in sources.items()}
    own = latents[recipe.content]
    styles = {
        group: Origin(latents=mixed(own, latents[each.source], group, each.strength).to_json())
        for group, each in recipe.styles.items()
        if each.strength > 0
    }
    requests = [
        GenerateRequest(
            id=uuid.uuid4().hex,
            domain=sources[recipe.content].domain,  # type: ignore[arg-type]  # checked there, and by the database here
            content=Origin(latents=own.to_json()),
            styles=styles,
            seed=each.seed,
            deadline_ms=DEADLINE_MS,
        )
        for each in recipes
    ]
    with ThreadPoolExecutor(len(requests)) as together:
        results = list(together.map(house.generator.generate, requests))
    if any(len(Piece.from_json(result.notes).notes) == 0 for result in results):
        raise NotAllowed("nothing but silence came of this; borrow less of it, or try another piece")
    return results


def _as_heard(house: House, result: GenerateResult) -> Latents:
    """What the composed notes are encoded to: variations share the latents that they were decoded from."""
    return Latents.from_json(house.generator.encode(result.notes).latents)


def _ranked(
    session: Session, house: House, listener_id: uuid.UUID, made: list[dict[str, Any]], heard: Sequence[Latents]
) -> list[dict[str, Any]]:
    """Best first for this listener's head; each with ``traits`` as it sounds."""
    if any(latents.version != house.space.version for latents in heard):
        return made  # between two models nothing can be ranked
    features = house.space.features(np.stack([summary(latents) for latents in heard]))
    for each, told in zip(made, named_traits(session, house, made[0]["domain"], features), strict=True):
        each["traits"] = told
    utility = utilities(heads.load(session, listener_id, house.space), features).mean
    return [made[index] for index in utility.argsort()[::-1]]
