"""Why a clip is liked: its utility beside the average clip's, split over its styles.

Only clips that the listener has voted on are explained: what a waiting clip is made of would spoil its blind pair.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import listeners as listener_rows
from db.queries import offers as offer_rows
from db.tables import Clip
from models.style.latents import Latents
from models.taste.explain import Attribution, attribution
from models.taste.head import Head
from models.taste.space import TasteSpace
from webapp.composing.sources import LEAST_POOL, named_traits
from webapp.learning import heads
from webapp.runtime.errors import NotAllowed, NotYours, UnknownListenerError
from webapp.studio.studio import Studio

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Explanation(Attribution):
    """A clip's attribution by a head that has seen so many ``votes``."""

    votes: int


@dataclass(frozen=True)
class Basis:
    """What explaining one clip rests on: its parts and those of the ``pool`` ``(clips, groups, L)``.

    ``donors`` ``(clips, groups, L)``, ``ids``: the pool, and what the listener has met of what was composed for them.
    ``effect``: what others hear in the clip beyond its styles, above the pool's average.
    """

    clip: Clip
    head: Head
    parts: FloatArray
    pool: FloatArray
    donors: FloatArray
    ids: tuple[uuid.UUID, ...]
    traits: dict[str, float]
    effect: float
    space: TasteSpace


def explain_clip(studio: Studio, listener_id: uuid.UUID, clip_id: uuid.UUID) -> Explanation:
    """A clip beside the average of its domain; raises ``NotYours``."""

    def work(session: Session) -> Explanation:
        base = basis(session, studio, listener_id, clip_id)
        usual = base.pool.mean(axis=0)
        found = attribution(base.head, base.space, base.parts, usual, base.traits, effect=base.effect)
        return Explanation(**vars(found), votes=base.head.votes_seen)

    return studio.database.transaction(work)


def basis(session: Session, studio: Studio, listener_id: uuid.UUID, clip_id: uuid.UUID) -> Basis:
    """What a clip that the listener has voted on is explained from; raises ``NotYours``, ``NotAllowed``."""
    listener = listener_rows.get_listener(session, listener_id)
    if listener is None:
        raise UnknownListenerError
    found = clip_rows.get_clip(session, clip_id)
    space = studio.playable.space_of(found.domain if found else "")
    met = offer_rows.met_clips(session, listener_id, model_version=space.version)
    if clip_id not in {each.id for each in met}:
        raise NotYours(f"there is no clip {clip_id} among those that you have voted on and that wait in no open pair")
    clip = clip_rows.get_clip(session, clip_id)
    assert clip is not None
    pool = clip_rows.pool_clips(session, domain=clip.domain, model_version=space.version)
    if len(pool) < LEAST_POOL:
        raise NotAllowed(f"there are {len(pool)} clips to compare with; {LEAST_POOL} are needed, ask again in a minute")
    sizes = {name: each.shape[1] for name, each in Latents.from_json(clip.latents).groups.items()}
    ours = {clip_id, *(each.id for each in pool)}
    own = [each for each in met if each.composed_for and each.domain == clip.domain and each.id not in ours]
    summaries = [clip.summary, *(each.summary for each in pool), *(each.summary for each in own)]
    parts = space.parts(np.stack(summaries), sizes)
    traits = named_traits(session, space, studio.playable, clip.domain, parts[0].sum(axis=0)[None])[0]
    head = heads.load(session, listener_id, space)
    ids = (*(each.id for each in pool), *(each.id for each in own))
    effects = heads.effects_for(session, listener, space)
    usual = float(heads.effects_on(effects, [each.id for each in pool]).mean())
    effect = effects[clip_id] - usual if clip_id in effects else 0.0
    return Basis(clip, head, parts[0], parts[1 : 1 + len(pool)], parts[1:], ids, traits, effect, space)
