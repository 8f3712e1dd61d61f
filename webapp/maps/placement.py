"""A listener's own music on a map that was drawn without it: placed among its neighbours, and nothing else moves."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from models.atlas.projection import FloatArray, nearest, place, style_vectors
from models.style.latents import Latents
from models.taste.space import summary
from webapp.composing import sources
from webapp.composing.sources import Source
from webapp.maps import title_search
from webapp.maps.atlas import Atlas
from webapp.maps.open_maps import DECIMALS, NEIGHBOURS_SHOWN, Neighbour, OpenMap
from webapp.runtime.errors import NotAllowed, NotReady


@dataclass(frozen=True)
class Placement:
    """Where music that is not on a map lies on it, and its nearest points there."""

    x: float
    y: float
    neighbours: list[Neighbour]


def place_on(atlas: Atlas, found: OpenMap, listener_id: uuid.UUID, name: str) -> Placement:
    """The place of a clip or of a piece in the listener's studio; no point moves.

    Raises ``NotYours``, ``NotAllowed`` for music without a melody on a map of tunes or titles, ``NotReady`` where the
    map is an older model's.
    """

    def find(session: Session) -> Source:
        return sources.find(session, name, listener_id)

    vector = _vector(atlas, found, atlas.database.transaction(find))
    points = found.drawn.points
    near = nearest(points.vectors, min(NEIGHBOURS_SHOWN, len(points)), vector)
    (x, y) = np.round(place(vector, points.vectors, found.drawn.places)[0].astype(np.float64), DECIMALS).tolist()
    beside = zip(near.index[0].tolist(), near.distance[0].tolist(), strict=True)
    return Placement(x, y, [Neighbour(row, points.texts[row], round(far, DECIMALS)) for row, far in beside])


def _vector(atlas: Atlas, found: OpenMap, source: Source) -> FloatArray:
    """The music in the space of the map: ``(1, d)``."""
    if found.kind == "pictures":
        raise NotAllowed("this is a map of pictures; choose a map of music to place music on it")
    points, version = found.drawn.points, found.drawn.about["model_version"]
    stale = NotReady("this map is of another version of the model; draw it again to place music on it")
    if points.summaries is None:
        if version != title_search.model_version():
            raise stale
        return title_search.melody_vector(atlas.generation, source.notes)[None]
    if not version == atlas.space.version == source.model_version:
        raise stale
    own = summary(Latents.from_json(source.latents))[None]
    return style_vectors(own, found.drawn.about["sizes"], among=points.summaries)
