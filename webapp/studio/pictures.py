"""Pictures on the desk: the same recipes, drawn; and a picture of one's own, encoded to start from.

A style (palette, light, line) is borrowed by going on the sphere towards the other picture's; a measure is turned by
the picture model (``models.picture.drawing``), in the group that it speaks of (size: in shape and light). So shape
stays where only styles are asked for. What is kept is drawn from as gifts near a picture are.
"""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from sqlalchemy.orm import Session

from db.queries.composed import brought_pieces
from db.tables import PICTURES
from models.picture.tie.bars import slerp
from models.style.latents import PICTURE_GROUPS, Latents
from models.taste.readouts import PICTURE_DIALS
from webapp.composing.sources import PIECES, Source
from webapp.generation.protocol import (
    BadRequest,
    DrawingsRequest,
    GenerateResult,
    GenerationError,
    answered,
    of_generator,
)
from webapp.generation.remote import RemoteGenerator
from webapp.runtime.errors import NotAllowed
from webapp.studio.pieces import TITLE_LENGTH, OpenedPiece, Recipe, keep, open_piece
from webapp.studio.studio import Studio, check_rate, slow_slot

STYLES = PICTURE_GROUPS[1:]
OLDER = (
    "this picture was drawn by an older model, and a picture can't be encoded again without loss; start from another"
)
REMEMBERED = 40  # of the newest pictures that somebody brought
ENDING = re.compile(r"(?<=.)\.[^.\s]{1,5}$")


def draw(
    generation: RemoteGenerator, version: str, recipes: Sequence[Recipe], sources: Mapping[str, Source]
) -> list[GenerateResult]:
    """What the recipes come to; raises ``NotAllowed`` for what a picture hasn't, and a ``GenerationError``."""
    for recipe in recipes:
        _check(recipe, sources)
    if any(source.model_version != version for source in sources.values()):
        raise NotAllowed(OLDER)
    known = {name: Latents.from_json(source.latents) for name, source in sources.items()}
    wanted = [_mixed(recipe, known) for recipe in recipes]
    answer = generation.drawings(
        DrawingsRequest(
            latents=[each.to_json() for each in wanted],
            turned=[{name: by for name, by in recipe.turned.items() if by} for recipe in recipes],
        ),
        decoded=True,
    )
    return [
        GenerateResult(
            id=uuid.uuid4().hex, notes={}, latents=latents, recipe={"domain": PICTURES},
            model_version=answer.model_version, queue_ms=0, decode_ms=0, image=image,
        )
        for latents, image in zip(answer.latents, answer.pictures, strict=True)
    ]  # fmt: skip


def image(generation: RemoteGenerator, source: Source) -> bytes:
    """The file of a picture (``images``), drawn where none was kept.

    Raises ``NotReady`` where nobody draws, ``NotAllowed`` for an older model's.
    """
    if source.image:
        return base64.b64decode(source.image)
    try:
        (drawn,) = generation.drawings(DrawingsRequest(latents=[dict(source.latents)]), decoded=True).pictures
    except BadRequest as error:
        raise NotAllowed(OLDER) from error
    except GenerationError as error:
        raise of_generator(error, "the picture model") from error
    return base64.b64decode(drawn)


def bring(studio: Studio, listener_id: uuid.UUID, file_name: str, strip: str) -> OpenedPiece:
    """Keep a picture that was read (square, PNG in base64) as a piece to start from, as the picture model sees it.

    The same one again is kept once.
    Raises ``NotAllowed``, ``NotReady``, and ``TooMany`` as composing does.
    """
    studio.database.transaction(lambda session: check_rate(session, listener_id))
    with slow_slot(), answered("the picture model", "this picture can't be used"):
        answer = studio.generation.drawings(DrawingsRequest(brought=strip), decoded=True)
    title = ENDING.sub("", " ".join(file_name.split())[-TITLE_LENGTH:]) or "A picture"

    def work(session: Session) -> str:
        latents = answer.latents[0]
        for piece in brought_pieces(session, listener_id, REMEMBERED, pictures=True):
            if piece.latents == latents and piece.title == title:
                return f"{PIECES}/{piece.id}"
        about = {"domain": PICTURES, "title": title, "model_version": answer.model_version}
        about |= {"image": answer.pictures[0]}
        return keep(session, studio, listener_id, recipe={}, notes={}, latents=latents, **about)

    return open_piece(studio, listener_id, studio.database.transaction(work))


def _check(recipe: Recipe, sources: Mapping[str, Source]) -> None:
    if not all(source.of_picture for source in sources.values()):
        raise NotAllowed("a picture can borrow from pictures only; choose another one")
    if recipe.rules is not None or recipe.locks.notes_stay or recipe.locks.harmony or recipe.locks.rhythm:
        raise NotAllowed("a picture has no notes to lock or to change by rules; leave these out")
    if unknown := sorted(set(recipe.styles) - set(STYLES)):
        raise NotAllowed(f"styles {unknown} were asked for; a picture has {list(STYLES)}")
    if unknown := sorted(set(recipe.turned) - set(PICTURE_DIALS)):
        raise NotAllowed(f"{unknown} can't be turned; of a picture {list(PICTURE_DIALS)} can")


def _mixed(recipe: Recipe, known: Mapping[str, Latents]) -> Latents:
    """The latents that a recipe asks for before anything is turned; drawn anew, whatever its content was."""
    own = replace(known[recipe.content], piece={})
    if recipe.toward is not None:
        own = _towards(own, known[recipe.toward.source], recipe.toward.strength, PICTURE_GROUPS)
    if recipe.keep < 1:
        random = np.random.default_rng(recipe.seed)
        new = {name: random.standard_normal(value.shape) for name, value in own.groups.items()}
        rest = float(np.sqrt(1 - recipe.keep**2))
        groups = {
            name: (recipe.keep * value + rest * new[name]).astype(np.float32) for name, value in own.groups.items()
        }
        own = replace(own, groups=groups)
    for group, each in recipe.styles.items():
        own = _towards(own, known[each.source], each.strength, (group,))
    return own


def _towards(own: Latents, other: Latents, share: float, groups: Sequence[str]) -> Latents:
    moved = {
        name: slerp(own.groups[name].astype(np.float64), other.groups[name].astype(np.float64), share).astype(
            np.float32
        )
        for name in groups
    }
    return replace(own, groups={**own.groups, **moved})
