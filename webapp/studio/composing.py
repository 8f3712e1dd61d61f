"""Composing in the studio: one piece's content, its styles on their way to others', some of it kept, the rest new."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy.orm import Session

from db.queries import listeners as listener_rows
from models.music.notes import Piece
from models.style.latents import Latents, between
from models.style.locks import Locks
from models.taste.head import utilities
from models.taste.space import TasteSpace, summary
from webapp.composing.sources import Source, find, named_traits, names_in
from webapp.generation.protocol import BadRequest, GenerateRequest, GenerateResult, GenerationError, Locked
from webapp.generation.protocol import Source as Origin
from webapp.generation.remote import RemoteGenerator
from webapp.learning import heads
from webapp.learning.playable_clips import PlayablePool
from webapp.runtime.database import Database
from webapp.runtime.errors import NotAllowed, NotReady, UnknownListenerError
from webapp.runtime.journal import Journal
from webapp.studio.opening import shown
from webapp.studio.room import check_rate, keep, place
from webapp.studio.turning import REACHES, reached, turned

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
    toward: Borrowed | None = None  # where all of the content goes
    turned: Mapping[str, float] = field(default_factory=dict)  # styles that are not borrowed: by how many SD
    keep: float = 1.0
    locks: Locks = field(default_factory=Locks)

    def to_json(self) -> dict[str, Any]:
        """As it is stored and sent."""
        return {**asdict(self), "locks": {**asdict(self.locks), "bars": list(self.locks.bars)}}


class Music(NamedTuple):
    """What a source is to the model of today."""

    latents: Latents
    notes: dict[str, Any]


def compose(
    database: Database,
    journal: Journal,
    generation: RemoteGenerator,
    space: TasteSpace,
    playable: PlayablePool,
    style_folder: Path,
    listener_id: uuid.UUID,
    recipe: Recipe,
) -> dict[str, Any]:
    """Compose and keep one piece; it is answered as the page shows it.

    Raises ``NotYours`` for a source that isn't the listener's to hear, ``NotAllowed`` for what can't be composed,
    ``TooMany`` beyond ``MOST_A_MINUTE`` pieces, and ``NotReady`` while no generator answers.
    """
    return _compose(database, journal, generation, space, playable, style_folder, listener_id, [recipe], ranked=False)[
        0
    ]


def variations(
    database: Database,
    journal: Journal,
    generation: RemoteGenerator,
    space: TasteSpace,
    playable: PlayablePool,
    style_folder: Path,
    listener_id: uuid.UUID,
    recipe: Recipe,
    count: int,
) -> list[dict[str, Any]]:
    """The recipe with the next ``count`` seeds, best for this listener first; raises as ``compose`` does."""
    recipes = [replace(recipe, seed=(recipe.seed + step) % 2**53) for step in range(1, count + 1)]
    return _compose(database, journal, generation, space, playable, style_folder, listener_id, recipes, ranked=True)


def interpolation(
    database: Database,
    journal: Journal,
    generation: RemoteGenerator,
    space: TasteSpace,
    playable: PlayablePool,
    style_folder: Path,
    listener_id: uuid.UUID,
    *,
    content: str,
    toward: str,
    steps: int,
    seed: int,
) -> list[dict[str, Any]]:
    """``steps`` pieces evenly between two, the nearest to ``content`` first; raises as ``compose`` does."""
    shares = [round(step / (steps + 1), 3) for step in range(1, steps + 1)]
    recipes = [Recipe(content, {}, seed, toward=Borrowed(toward, share)) for share in shares]
    return _compose(database, journal, generation, space, playable, style_folder, listener_id, recipes, ranked=False)


def _compose(
    database: Database,
    journal: Journal,
    generation: RemoteGenerator,
    space: TasteSpace,
    playable: PlayablePool,
    style_folder: Path,
    listener_id: uuid.UUID,
    recipes: Sequence[Recipe],
    *,
    ranked: bool,
) -> list[dict[str, Any]]:
    """All recipes at once; they name the same sources."""
    recipe = recipes[0]

    def read(session: Session) -> dict[str, Source]:
        check_rate(session, listener_id, len(recipes))
        return {name: find(session, name, listener_id) for name in names_in(recipe.to_json())}

    sources = database.transaction(read)
    with place():
        try:
            results = _generate(generation, space, style_folder, recipes, sources)
            latents = [_as_heard(generation, result) for result in results] if ranked else []
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
                journal,
                listener_id,
                domain=result.recipe["domain"],
                title=content.title,
                recipe=each.to_json(),
                notes=result.notes,
                latents=result.latents,
                model_version=result.model_version,
            )
            names.append(name)
        return names

    names = database.transaction(store)

    def show(session: Session) -> list[dict[str, Any]]:
        made = [
            shown(session, space, playable, style_folder, listener_id, find(session, name, listener_id))
            for name in names
        ]
        return _ranked(session, space, playable, listener_id, made, latents) if ranked else made

    made = database.transaction(show)
    log.info(
        "studio_composed listener=%s pieces=%d styles=%s", listener_id, len(made), ",".join(recipe.styles) or "own"
    )
    return made


def _generate(
    generation: RemoteGenerator,
    space: TasteSpace,
    style_folder: Path,
    recipes: Sequence[Recipe],
    sources: Mapping[str, Source],
) -> list[GenerateResult]:
    music = {name: current(generation, space, source) for name, source in sources.items()}
    steps = _steps(generation, space, style_folder, recipes[0], sources, music)
    results = _all_of(generation, [_request(space, style_folder, recipe, sources, music, steps) for recipe in recipes])
    if any(len(Piece.from_json(result.notes).notes) == 0 for result in results):
        raise NotAllowed("nothing but silence came of this; borrow less of it, or try another piece")
    return results


def _steps(
    generation: RemoteGenerator,
    space: TasteSpace,
    style_folder: Path,
    recipe: Recipe,
    sources: Mapping[str, Source],
    music: Mapping[str, Music],
) -> dict[str, float]:
    """How far along the regression the turned styles go, so that they sound as asked: some are tried."""
    if not recipe.turned:
        return {}
    tried = [{group: times * by for group, by in recipe.turned.items()} for times in REACHES]
    made = _all_of(generation, [_request(space, style_folder, recipe, sources, music, steps) for steps in tried])
    pieces = [Piece.from_json(each.notes) for each in made]
    return reached(space, style_folder, Piece.from_json(music[recipe.content].notes), recipe.turned, pieces)


def _all_of(generation: RemoteGenerator, requests: Sequence[GenerateRequest]) -> list[GenerateResult]:
    """What all requests, asked at once, come to."""
    with ThreadPoolExecutor(len(requests)) as together:
        return list(together.map(generation.generate, requests))


def current(generation: RemoteGenerator, space: TasteSpace, source: Source) -> Music:
    """The source's latents by the model of today, as stored or encoded again, and the bars that they tell of."""
    if source.model_version == space.version:
        return Music(Latents.from_json(source.latents), source.notes)
    encoded = generation.encode(source.notes)
    return Music(Latents.from_json(encoded.latents), encoded.notes)


def _request(
    space: TasteSpace,
    style_folder: Path,
    recipe: Recipe,
    sources: Mapping[str, Source],
    music: Mapping[str, Music],
    steps: Mapping[str, float],
) -> GenerateRequest:
    own, domain, toward = music[recipe.content].latents, sources[recipe.content].domain, recipe.toward
    if toward is not None:
        mine, own = own, between(own, music[toward.source].latents, toward.strength)
        old_meter, new_meter = (each.piece.get("meter") for each in (mine, own))
        if recipe.locks.notes_stay and old_meter != new_meter:
            raise NotAllowed(
                f"the locked notes are in {old_meter}, and from half way on the meter is the other's {new_meter}; "
                "unlock bars and melody, or go less than half way"
            )
        domain = sources[toward.source].domain if toward.strength > 0.5 else domain
    styles = {
        group: Origin(latents=between(own, music[each.source].latents, each.strength, (group,)).to_json())
        for group, each in recipe.styles.items()
        if each.strength > 0
    }
    moved = turned(space, style_folder, own, Piece.from_json(music[recipe.content].notes), domain, steps)
    styles |= {group: Origin(latents=latents.to_json()) for group, latents in moved.items()}
    locks = recipe.locks
    notes = music[recipe.content].notes if locks.notes_stay else None
    return GenerateRequest(
        id=uuid.uuid4().hex,
        domain=domain,
        content=Origin(latents=own.to_json()),
        styles=styles,
        keep=recipe.keep,
        locks=Locked(**{**asdict(locks), "bars": list(locks.bars)}, notes=notes),
        seed=recipe.seed,
        deadline_ms=DEADLINE_MS,
    )


def _as_heard(generation: RemoteGenerator, result: GenerateResult) -> Latents:
    """What the composed notes are encoded to: variations share the latents that they were decoded from."""
    return Latents.from_json(generation.encode(result.notes).latents)


def _ranked(
    session: Session,
    space: TasteSpace,
    playable: PlayablePool,
    listener_id: uuid.UUID,
    made: list[dict[str, Any]],
    heard: Sequence[Latents],
) -> list[dict[str, Any]]:
    """Best first for this listener's head; each with ``traits`` as it sounds."""
    if any(latents.version != space.version for latents in heard):
        return made  # between two models nothing can be ranked
    features = space.features(np.stack([summary(latents) for latents in heard]))
    for each, told in zip(made, named_traits(session, space, playable, made[0]["domain"], features), strict=True):
        each["traits"] = told
    utility = utilities(heads.load(session, listener_id, space), features).mean
    return [made[index] for index in utility.argsort()[::-1]]
