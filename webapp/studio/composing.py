"""Composing in the studio: one piece's content, its styles on their way to others', some of it kept, the rest new.

Music is composed here; what the same recipe asks of a picture is drawn by ``pictures``.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy.orm import Session

from db.queries import listeners as listener_rows
from db.tables import PICTURES
from models.mood.steering import AROUSING, HARMONY
from models.music.notes import Piece
from models.style.drafts import Draft
from models.style.latents import STYLE_GROUPS, Latents, between, morphed, with_styles
from models.taste.head import utilities
from models.taste.space import TasteSpace, summary
from webapp.composing.sources import Source, as_heard, find, named_traits, names_in
from webapp.generation.protocol import GenerateRequest, GenerateResult, Locked, Mood, answered
from webapp.generation.protocol import Source as Origin
from webapp.generation.remote import RemoteGenerator
from webapp.learning import heads
from webapp.runtime.errors import NotAllowed, UnknownListenerError
from webapp.studio import pictures
from webapp.studio.pieces import Borrowed, OpenedPiece, Recipe, keep, opened, place_of
from webapp.studio.studio import REACHES, Dials, Studio, check_rate, slow_slot

log = logging.getLogger(__name__)

DEADLINE_MS = 30_000
MOST_TRIED = 4  # recipes at once, each of which is written several times so that its tune stays
TRIES = 4  # drafts, until one has the meter of the section that it is written for
SEED_BITS = 53  # of a recipe's seed

Choice = Callable[[list[dict[str, Any]]], int | None]  # of some pieces' notes one, or none


class Music(NamedTuple):
    """What a source is to the model of today."""

    latents: Latents
    notes: dict[str, Any]


def compose(
    studio: Studio,
    listener_id: uuid.UUID,
    recipe: Recipe,
) -> OpenedPiece:
    """Compose and keep one piece; it is answered as the page shows it.

    Raises ``NotYours`` for a source that isn't the listener's to hear, ``NotAllowed`` for what can't be composed,
    ``TooMany`` beyond ``MOST_A_MINUTE`` pieces, and ``NotReady`` while no generator answers.
    """
    return _compose(studio, listener_id, [recipe])[0]


def variations(
    studio: Studio,
    listener_id: uuid.UUID,
    recipe: Recipe,
    count: int,
) -> list[OpenedPiece]:
    """The recipe with the next ``count`` seeds, best for this listener first; raises as ``compose`` does."""
    recipes = [replace(recipe, seed=(recipe.seed + step) % 2**53) for step in range(1, count + 1)]
    return _compose(studio, listener_id, recipes, ranked=True)


def best_of(
    studio: Studio,
    listener_id: uuid.UUID,
    recipes: Sequence[Recipe],
    choose: Choice,
) -> OpenedPiece | None:
    """Compose ``recipes`` of one content and keep the one that ``choose`` takes, given the notes of all.

    Raises as ``compose`` does.
    """
    return next(iter(_compose(studio, listener_id, recipes, choose=choose)), None)


def interpolation(
    studio: Studio,
    listener_id: uuid.UUID,
    *,
    content: str,
    toward: str,
    steps: int,
    seed: int,
) -> list[OpenedPiece]:
    """``steps`` pieces evenly between two, the nearest to ``content`` first; raises as ``compose`` does."""
    shares = [round(step / (steps + 1), 3) for step in range(1, steps + 1)]
    recipes = [Recipe(content, {}, seed, toward=Borrowed(toward, share)) for share in shares]
    return _compose(studio, listener_id, recipes)


def _compose(
    studio: Studio,
    listener_id: uuid.UUID,
    recipes: Sequence[Recipe],
    *,
    ranked: bool = False,
    choose: Choice | None = None,
) -> list[OpenedPiece]:
    """All recipes of one content at once; at most one is kept where there is somebody to ``choose``."""

    anew = all(recipe.mood and recipe.keeps_nothing for recipe in recipes)

    def read(session: Session) -> tuple[dict[str, Source], bool]:
        check_rate(session, listener_id, 1 if choose else len(recipes))
        names = dict.fromkeys(name for recipe in recipes for name in names_in(recipe.to_json()))
        found = {name: find(session, name, listener_id, pictures=True) for name in names}
        return found, anew and place_of(session, listener_id, recipes[0].content) is not None

    sources, of_whole = studio.database.transaction(read)
    with slow_slot(), answered():
        results = _made(studio, recipes, sources, anew=anew, of_whole=of_whole)
        if choose:
            best = choose([each.notes for each in results])
            if best is None:
                return []
            recipes, results = [recipes[best]], [results[best]]
        latents = [_as_heard(studio, result) for result in results] if ranked else []
    content = sources[recipes[0].content]

    def store(session: Session) -> list[str]:
        if listener_rows.lock_listener(session, listener_id) is None:
            raise UnknownListenerError("this listener was deleted meanwhile")
        names = []
        for each, result in zip(recipes, results, strict=True):
            name = keep(
                session,
                studio,
                listener_id,
                domain=result.recipe["domain"],
                title=content.title,
                recipe=each.to_json(),
                notes=result.notes,
                latents=result.latents,
                model_version=result.model_version,
                image=result.image or None,
            )
            names.append(name)
        return names

    names = studio.database.transaction(store)

    def show(session: Session) -> list[OpenedPiece]:
        found = [find(session, name, listener_id, pictures=True) for name in names]
        made = [opened(session, studio, listener_id, each) for each in found]
        return _ranked(session, studio, listener_id, made, latents) if ranked else made

    made = studio.database.transaction(show)
    styles = ",".join(recipes[0].styles) or "own"
    log.info("studio_composed listener=%s pieces=%d styles=%s", listener_id, len(made), styles)
    return made


def _made(
    studio: Studio, recipes: Sequence[Recipe], sources: Mapping[str, Source], *, anew: bool, of_whole: bool
) -> list[GenerateResult]:
    """What the recipes come to: music composed, or written ``anew`` for a mood, or pictures drawn, as their content is.

    ``of_whole``: the content is or was made from a section of a whole piece, to which what is written may go back.
    """
    if sources[recipes[0].content].of_picture:
        return pictures.draw(studio.generation, studio.playable.space_of(PICTURES).version, recipes, sources)
    if any(source.of_picture for source in sources.values()):
        raise NotAllowed("music can't borrow from a picture; choose a piece of music")
    for recipe in recipes:
        if unknown := sorted({*recipe.styles, *recipe.turned} - {*STYLE_GROUPS}):
            raise NotAllowed(f"styles {unknown} were asked for; there are {list(STYLE_GROUPS)}")
    if anew:
        return [_written(studio, recipe, sources[recipe.content], of_whole=of_whole) for recipe in recipes]
    return _generate(studio, recipes, sources)


def _written(studio: Studio, recipe: Recipe, content: Source, *, of_whole: bool) -> GenerateResult:
    """What is written anew for the recipe's mood, of the content's kind of music.

    For a section of a whole piece there are several tries at the section's meter, and no more bars than it has.
    """
    assert recipe.mood is not None
    mood, there = Mood(valence=recipe.mood[0], arousal=recipe.mood[1]), content.piece
    for attempt in range(TRIES if of_whole else 1):
        found = studio.generation.drafts(content.music, 1, recipe.seed + (attempt << SEED_BITS), mood)
        draft = Draft.from_json(found.drafts[0])
        if draft.notes is None:
            raise NotAllowed("the composer has learned nothing of moods; keep something of the piece")
        written = draft.notes
        if np.array_equal(written.bars[0, 2:], there.bars[0, 2:]):
            break
    notes, latents = written.to_json(), draft.latents.to_json()
    if of_whole and len(there.bars) < len(written.bars):
        encoded = studio.generation.encode(written.window(0, len(there.bars)).to_json())
        notes, latents = encoded.notes, encoded.latents
    return GenerateResult(
        id=uuid.uuid4().hex, notes=notes, latents=latents, recipe={"domain": content.music},
        model_version=found.model_version, queue_ms=0, decode_ms=0,
    )  # fmt: skip


def _generate(studio: Studio, recipes: Sequence[Recipe], sources: Mapping[str, Source]) -> list[GenerateResult]:
    music = {name: current(studio.generation, studio.space, source) for name, source in sources.items()}
    dials, steps = studio.dials, dict[str, dict[str, float]]()
    requests = []
    for recipe in recipes:
        heard = {**music, recipe.content: _by_rules(studio.generation, recipe, music[recipe.content])}
        key = json.dumps([recipe.turned, recipe.rules and asdict(recipe.rules)], sort_keys=True)
        if key not in steps:
            steps[key] = _steps(studio.generation, dials, recipe, sources, heard)
        requests.append(_request(dials, recipe, sources, heard, steps[key]))
        every = len(requests[-1].styles) == len(STYLE_GROUPS)
        if not recipe.turned and (len(recipes) <= MOST_TRIED or not every):  # it is tried several times then
            requests[-1].locks.notes = requests[-1].locks.notes or _tune(recipe, heard)
    results = studio.generation.generate_all(requests)
    if any(len(Piece.from_json(result.notes).notes) == 0 for result in results):
        raise NotAllowed("nothing but silence came of this; borrow less of it, or try another piece")
    return results


def _by_rules(generation: RemoteGenerator, recipe: Recipe, content: Music) -> Music:
    """The content as the recipe's rules change it; raises ``NotAllowed`` where its notes are to stay."""
    if recipe.rules is None:
        return content
    if recipe.locks.notes_stay:
        raise NotAllowed("locked notes can't be changed by rules; unlock bars and melody, or leave the rules out")
    encoded = generation.encode(recipe.rules.turned(Piece.from_json(content.notes)).to_json())
    return Music(Latents.from_json(encoded.latents), encoded.notes)


def _tune(recipe: Recipe, music: Mapping[str, Music]) -> dict[str, Any]:
    """The notes whose tune is to be heard."""
    toward = recipe.toward
    return music[toward.source if toward and toward.strength > 0.5 else recipe.content].notes


def _steps(
    generation: RemoteGenerator,
    dials: Dials,
    recipe: Recipe,
    sources: Mapping[str, Source],
    music: Mapping[str, Music],
) -> dict[str, float]:
    """How far along the regression the turned styles go, so that they sound as asked: some are tried."""
    if not recipe.turned:
        return {}
    tried = [{group: times * by for group, by in recipe.turned.items()} for times in REACHES]
    made = generation.generate_all([_request(dials, recipe, sources, music, steps) for steps in tried])
    begin, pieces = Piece.from_json(music[recipe.content].notes), [Piece.from_json(each.notes) for each in made]
    return dials.steps_to_sound(begin, recipe.turned, pieces)


def current(generation: RemoteGenerator, space: TasteSpace, source: Source) -> Music:
    """The source's latents by the model of today, as stored or encoded again, and the bars that they tell of."""
    if source.model_version == space.version:
        return Music(Latents.from_json(source.latents), source.notes)
    encoded = generation.encode(source.notes)
    return Music(Latents.from_json(encoded.latents), encoded.notes)


def _request(
    dials: Dials,
    recipe: Recipe,
    sources: Mapping[str, Source],
    music: Mapping[str, Music],
    steps: Mapping[str, float],
) -> GenerateRequest:
    content, domain, toward = music[recipe.content].latents, sources[recipe.content].music, recipe.toward
    passed: dict[str, Latents] = {}
    if toward is not None:
        mine, (content, passed) = content, morphed(content, music[toward.source].latents, toward.strength)
        old_meter, new_meter = (each.piece.get("meter") for each in (mine, content))
        if recipe.locks.notes_stay and old_meter != new_meter:
            raise NotAllowed(
                f"the locked notes are in {old_meter}, and from half way on the meter is the other's {new_meter}; "
                "unlock bars and melody, or go less than half way"
            )
        domain = sources[toward.source].music if toward.strength > 0.5 else domain
    own = with_styles(content, passed)
    borrowed = {
        group: between(own, music[each.source].latents, each.strength, (group,))
        for group, each in recipe.styles.items()
        if each.strength > 0
    }
    moved = dials.moved(own, Piece.from_json(music[recipe.content].notes), domain, steps)
    # what the rules changed counts as borrowed, so that there are enough styles for it to be written
    by_rules = dict.fromkeys((HARMONY, *AROUSING) if recipe.rules and recipe.keep == 1 else (), content)
    styles = {**by_rules, **passed, **borrowed, **moved}
    locks = recipe.locks
    notes = music[recipe.content].notes if locks.notes_stay else None
    return GenerateRequest(
        id=uuid.uuid4().hex,
        domain=domain,
        content=Origin(latents=content.to_json()),
        styles={group: Origin(latents=each.to_json()) for group, each in styles.items()},
        keep=recipe.keep,
        locks=Locked(**{**asdict(locks), "bars": list(locks.bars)}, notes=notes),
        seed=recipe.seed,
        deadline_ms=DEADLINE_MS,
    )


def _as_heard(studio: Studio, result: GenerateResult) -> Latents:
    """What the composed notes are encoded to: variations share the latents that the writer was conditioned on.

    A picture's latents carry what was measured of it.
    """
    if not result.notes:
        return Latents.from_json(result.latents)
    return Latents.from_json(studio.generation.encode(result.notes).latents)


def _ranked(
    session: Session, studio: Studio, listener_id: uuid.UUID, made: list[OpenedPiece], heard: Sequence[Latents]
) -> list[OpenedPiece]:
    """Best first for this listener's head; each with ``traits`` as it sounds."""
    space = studio.playable.space_of(made[0].domain)
    if any(latents.version != space.version for latents in heard):
        return made  # between two models nothing can be ranked
    features = space.features(np.stack([summary(latents) for latents in heard]))
    found = named_traits(session, space, studio.playable, made[0].domain, features)
    traits = found
    if not space.of_pictures:
        music = [find(session, piece.name, listener_id).piece for piece in made]
        traits = [as_heard(each, piece) for each, piece in zip(found, music, strict=True)]
    utility = utilities(heads.load(session, listener_id, space), features).mean
    return [replace(made[index], traits=traits[index]) for index in utility.argsort()[::-1]]
