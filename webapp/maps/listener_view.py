"""A listener's own music on a map: how they would like each point, and what is not on the map in its place.

What was composed since the map was drawn, for everybody or for this listener, is placed among its neighbours and moves
nothing. Clips that wait for a blind pair are left out, as in the studio.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import offers as offer_rows
from db.queries.clips import PoolClip
from db.tables import Offer
from models.atlas.projection import FloatArray, nearest, place, style_vectors
from models.music.notes import DOMAINS
from models.style.latents import Latents
from models.taste.head import utilities
from models.taste.space import TasteSpace, summary
from webapp.composing import media, sources
from webapp.composing.sources import Source
from webapp.learning import heads
from webapp.maps import Atlas, title_search
from webapp.maps.open_maps import DECIMALS, NEIGHBOURS_SHOWN, Neighbour, OpenMap
from webapp.runtime.database import Database
from webapp.runtime.errors import NotAllowed, NotReady


@dataclass(frozen=True)
class AddedClip:
    """A clip that is not on the map, at its place; ``own``: composed for this listener."""

    clip_id: str
    x: float
    y: float
    text: str
    domain: str
    own: bool
    utility: float
    seconds: float
    audio_url: str
    notes_url: str


@dataclass(frozen=True)
class ListenerView:
    """How this listener would like each point (posterior mean and SD, 0 is the average clip), if the map tells that.

    ``hidden``: rows that wait for a blind pair; ``added``: clips that are not on the map, each at its place.
    """

    votes: int
    utility: list[float] | None
    sd: list[float] | None
    hidden: list[int]
    added: list[AddedClip]


def view(database: Database, space: TasteSpace, listener_id: uuid.UUID, found: OpenMap) -> ListenerView:
    """One map as this listener may see it."""
    summaries = found.drawn.points.summaries
    if summaries is None or found.drawn.about["model_version"] != space.version:
        return ListenerView(0, None, None, [], [])

    def work(session: Session) -> ListenerView:
        head = heads.load(session, listener_id, space)
        liked = utilities(head, space.features(summaries))
        waiting = {
            side for o in offer_rows.open_ones(session, Offer, listener_id) for side in (o.left_clip, o.right_clip)
        }
        rows = {name: row for row, name in enumerate(found.drawn.points.ids)}
        hidden = sorted(rows[name] for clip in waiting if (name := f"clips/{clip}") in rows)
        clips = [
            (clip, domain)
            for clip, domain in _playable(session, space, listener_id)
            if f"clips/{clip.id}" not in rows and clip.id not in waiting
        ]
        added: list[AddedClip] = []
        if clips:
            theirs = np.stack([clip.summary for clip, _ in clips])
            vectors = style_vectors(theirs, found.drawn.about["sizes"], among=summaries)
            places = place(vectors, found.drawn.points.vectors, found.drawn.places)
            new = utilities(head, space.features(theirs)).mean
            added = [
                _shown(clip, domain, where, float(utility))
                for (clip, domain), where, utility in zip(clips, places, new, strict=True)
            ]
        return ListenerView(
            votes=head.votes_seen,
            utility=np.round(liked.mean, DECIMALS).tolist(),
            sd=np.round(liked.sd, DECIMALS).tolist(),
            hidden=hidden,
            added=added,
        )

    return database.transaction(work)


def _playable(session: Session, space: TasteSpace, listener_id: uuid.UUID) -> list[tuple[PoolClip, str]]:
    """Everybody's clips, and those of this listener's own that they have met, each with its kind of music."""
    version = space.version
    found: list[tuple[PoolClip, str]] = []
    for domain in DOMAINS:
        found += [(clip, domain) for clip in clip_rows.pool_clips(session, domain=domain, model_version=version)]
        own = clip_rows.composed_clips(session, listener_id, domain=domain, model_version=version)
        met = offer_rows.met_among(session, listener_id, [clip.id for clip in own])
        found += [(clip, domain) for clip in own if clip.id in met]
    return found


def _shown(clip: PoolClip, domain: str, where: Any, utility: float) -> AddedClip:
    seconds = max(clip.seconds)
    address = media.of_clip(clip.id, seconds)
    return AddedClip(
        clip_id=str(clip.id),
        x=round(float(where[0]), DECIMALS),
        y=round(float(where[1]), DECIMALS),
        text="Composed for you" if clip.composed else "Composed since the map was drawn",
        domain=domain,
        own=clip.composed,
        utility=round(utility, DECIMALS),
        seconds=seconds,
        audio_url=address.format("audio"),
        notes_url=address.format("notes"),
    )


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
