"""What a listener's own clips are to beat in blind tests: one for the average listener, one just as it came."""

from __future__ import annotations

import uuid

import numpy as np
from sqlalchemy.orm import Session

from db.queries.clips import rival_clips
from db.queries.offers import met_among
from models.taste.head import Head
from webapp.composing.clip_maker import ClipMaker, Made, Order
from webapp.composing.search import Search
from webapp.composing.wishes import GIFT
from webapp.learning import heads
from webapp.learning.playable_clips import AnyDomain

TRIED = 3  # drafts for a baseline, the next one where a piece may not be offered


def compose_missing(
    maker: ClipMaker, search: Search, listener_id: uuid.UUID, domain: AnyDomain, *, first_seed: int, among: int
) -> Made:
    """One clip of each kind of baseline of which none waits to be met.

    That for the average listener of the study is searched for as the listener's own are, ``among`` as many drafts, so
    that taste alone tells them apart. Raises ``GenerationError``.
    """
    space = maker.style.space

    def look(session: Session) -> tuple[Head | None, set[str]]:
        there = rival_clips(session, listener_id, domain=domain, model_version=space.version)
        met = met_among(session, listener_id, [clip.id for clip in there])
        return heads.average_of_others(session, listener_id, space), {c.kind for c in there if c.id not in met}

    average, waiting = maker.database.transaction(look)
    kinds = {"drawn"} if average is None else {"average", "drawn"}
    made = Made()
    for kind in sorted(kinds - waiting):
        if kind == "drawn" or average is None:
            found = search.drawn(domain, TRIED, first_seed)
        else:
            found = search.best(average, domain, TRIED, wish=GIFT, seed=first_seed, among=among)
            # As whichever of the listener's own clips meets it, this is any of the best, and not the very best.
            np.random.default_rng(first_seed).shuffle(found)
        for place, draft in enumerate(found, 1):  # the next one where a piece may not be offered
            one = maker.make([Order(domain, first_seed + made.composed, draft, listener_id, kind)])
            made.add(one)
            if one.clip_ids:
                search.put_back(domain, found[place:])
                break
    return made
