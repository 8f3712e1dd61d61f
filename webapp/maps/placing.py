"""A listener's own music on a map that was drawn without it: placed among its neighbours, and nothing else moves."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from models.atlas.neighbours import FloatArray, nearest
from models.atlas.projection import place
from models.atlas.style_vectors import style_vectors
from models.style.latents import Latents
from models.taste.space import TasteSpace, summary
from webapp.composing import sources
from webapp.composing.sources import Source
from webapp.generation.remote import RemoteGenerator
from webapp.maps import titles
from webapp.maps.reading import DECIMALS, NEIGHBOURS_SHOWN, OpenMap
from webapp.runtime.database import Database
from webapp.runtime.errors import NotReady


def placed(
    database: Database,
    generation: RemoteGenerator,
    space: TasteSpace,
    listener_id: uuid.UUID,
    found: OpenMap,
    name: str,
) -> dict[str, Any]:
    """``{x, y, neighbours}`` of a clip or of a piece in the listener's studio.

    Raises ``NotYours``, ``NotAllowed`` for music without a melody on a map of tunes or titles, ``NotReady`` where the
    map is an older model's.
    """

    def find(session: Session) -> Source:
        return sources.find(session, name, listener_id)

    vector = _vector(generation, space, found, database.transaction(find))
    points = found.drawn.points
    near = nearest(points.vectors, min(NEIGHBOURS_SHOWN, len(points)), vector)
    (x, y) = np.round(place(vector, points.vectors, found.drawn.places)[0].astype(np.float64), DECIMALS).tolist()
    beside = zip(near.index[0].tolist(), near.distance[0].tolist(), strict=True)
    neighbours = [{"row": row, "text": points.texts[row], "distance": round(far, DECIMALS)} for row, far in beside]
    return {"x": x, "y": y, "neighbours": neighbours}


def _vector(generation: RemoteGenerator, space: TasteSpace, found: OpenMap, source: Source) -> FloatArray:
    """The music in the space of the map: ``(1, d)``."""
    points, version = found.drawn.points, found.drawn.about["model_version"]
    stale = NotReady("this map is of another version of the model; draw it anew to place music on it")
    if points.summaries is None:
        if version != titles.model_version():
            raise stale
        return titles.melody_vector(generation, source.notes)[None]
    if not version == space.version == source.model_version:
        raise stale
    own = summary(Latents.from_json(source.latents))[None]
    return style_vectors(own, found.drawn.about["sizes"], among=points.summaries)
