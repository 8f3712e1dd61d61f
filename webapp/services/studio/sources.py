"""What a recipe in the studio names: a clip that this listener may hear, or a piece of theirs or of a link's."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import studio as rows
from models.music.notes import Piece
from models.style.latents import Latents
from models.taste.space import TasteSpace, summary
from webapp.services.problems import NotYours

CLIPS, PIECES = "clips", "pieces"


@dataclass(frozen=True)
class Source:
    """A clip (``clips/ID``) or a studio piece (``pieces/ID``) with its music; only a piece has title and recipe."""

    name: str
    domain: str
    title: str
    recipe: Mapping[str, Any]
    notes: dict[str, Any]
    latents: dict[str, Any]
    model_version: str

    @property
    def piece(self) -> Piece:
        """Its notes."""
        return Piece.from_json(self.notes)


def find(session: Session, name: str, listener_id: uuid.UUID, link_key: str = "") -> Source:
    """What ``name`` means to this listener; raises ``NotYours`` where it is nothing or somebody else's.

    The key of a link opens its piece and what that was made from.
    """
    kind, _, number = name.partition("/")
    wanted = uuid.UUID(number)
    linked = rows.linked_piece(session, link_key) if link_key else None
    by_link = linked is not None and (name == f"{PIECES}/{linked.id}" or name in names_in(linked.recipe))
    if kind == CLIPS:
        clip = clip_rows.get_clip(session, wanted)
        if clip is not None and (clip.composed_for in {None, listener_id} or by_link):
            return Source(name, clip.domain, "", {}, clip.notes, clip.latents, clip.model_version)
    else:
        piece = rows.get_piece(session, wanted)
        if piece is not None and (piece.listener_id == listener_id or by_link):
            return Source(
                name, piece.domain, piece.title, piece.recipe, piece.notes, piece.latents, piece.model_version
            )
    raise NotYours(f"there is no {name} in your studio (any more); start from another piece")


def names_in(recipe: Mapping[str, Any]) -> list[str]:
    """Every source of a recipe, content first; none for a piece that was brought as a file."""
    if not recipe:
        return []
    return [recipe["content"], *(borrowed["source"] for borrowed in recipe["styles"].values())]


def traits(space: TasteSpace, latents: dict[str, Any], model_version: str) -> dict[str, float]:
    """Attribute → how many standard deviations of real music it lies from the middle; empty for another model's."""
    if model_version != space.version:
        return {}
    features = space.features(summary(Latents.from_json(latents))[None])[0]
    return {name: round(float(value), 2) for name, value in zip(space.names, np.asarray(features), strict=False)}
