"""What a listener's own clips are to beat in blind tests: one for the average listener, one as the prior drew it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import numpy as np
from sqlalchemy.orm import Session

from db.queries.clips import rival_clips
from db.queries.offers import met_among
from models.music.notes import Domain
from models.style.latents import Latents
from models.taste.head import Head
from models.taste.search import best_latents
from webapp.composing.clip_maker import ClipMaker, Made, Order
from webapp.learning import heads

TRIED = 3  # latents for a baseline, the next one where a piece may not be offered


def compose_missing(
    maker: ClipMaker, listener_id: uuid.UUID, domain: Domain, candidates: Sequence[Latents], *, first_seed: int
) -> Made:
    """One clip of each kind of baseline of which none waits to be met.

    That for the average listener of the study is searched among the same ``candidates`` as the listener's own.
    """
    space = maker.style.space

    def look(session: Session) -> tuple[Head | None, set[str]]:
        there = rival_clips(session, listener_id, domain=domain, model_version=space.version)
        met = met_among(session, listener_id, [clip.id for clip in there])
        return heads.average_of_others(session, listener_id, space), {c.kind for c in there if c.id not in met}

    average, waiting = maker.database.transaction(look)
    generator = np.random.default_rng(first_seed)
    wanted = {"drawn": [candidates[i] for i in generator.permutation(len(candidates))[:TRIED]]}
    if average is not None:
        best = best_latents(average, space, candidates, TRIED)
        wanted["average"] = [best[i].latents for i in generator.permutation(len(best))]
    made = Made()
    for kind in sorted(set(wanted) - waiting):
        for latents in wanted[kind]:
            found = maker.make([Order(domain, first_seed + made.composed, latents, listener_id, kind)])
            made.add(found)
            if found.clip_ids:
                break
    return made
