"""A pair that tests the tension model: of some drafts the one that it rewards most, and the first of them.

Both are new drafts of one seed, composed for nobody's taste, and heard by one listener alone, blind, against each other
(policy ``tension``). The reward is the lesser of an open future and a known past, as it was measured in
``models.tension.guided``.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import replace

from sqlalchemy.orm import Session

from db.queries.clips import rival_clips
from db.queries.offers import met_among
from db.tables import GUIDED, PICTURES
from models.music.notes import Domain
from models.style.drafts import Draft
from webapp.composing.clip_maker import ClipMaker, Made, Order
from webapp.composing.dials import TENSION
from webapp.composing.jobs import domain_named
from webapp.composing.search import Search
from webapp.generation.protocol import GenerationError
from webapp.learning.playable_clips import AnyDomain

log = logging.getLogger(__name__)

AMONG = 8  # drafts of which one is chosen, as where it was measured


def compose_missing(
    maker: ClipMaker, search: Search, listener_id: uuid.UUID, domain: AnyDomain, *, first_seed: int
) -> Made:
    """The two, where none of their kind waits to be met.

    Nothing where the first is the best itself, where the model writes no drafts, or where nothing hears them. Raises
    ``GenerationError`` where none are composed.
    """

    def waits(session: Session) -> bool:
        there = rival_clips(session, listener_id, domain=domain, model_version=maker.style.version, kinds=GUIDED)
        return len(there) > len(met_among(session, listener_id, [clip.id for clip in there]))

    made = Made()
    if domain == PICTURES or maker.database.transaction(waits):  # nothing hears pictures
        return made
    drafts = [draft for draft in search.drawn(domain, AMONG, first_seed) if draft.notes is not None]
    try:
        best = _best(maker, drafts, domain_named(domain))
    except GenerationError as error:  # gifts go on without this test
        log.warning("no_guided_pair domain=%s error=%s", domain, error)
        return made
    if best is None or best is drafts[0]:
        log.info("no_guided_pair domain=%s drafts=%d", domain, len(drafts))
        return made
    chosen, plain = GUIDED
    for kind, draft in ((plain, drafts[0]), (chosen, best)):
        one = maker.make([Order(domain, first_seed + made.composed, _noted(draft, len(drafts)), listener_id, kind)])
        made.add(one)
        if not one.clip_ids:
            break  # the other alone would be no test
    return made


def _best(maker: ClipMaker, drafts: list[Draft], domain: Domain) -> Draft | None:
    """The one with the highest reward, the first of several; None where none can be heard."""
    if not drafts:
        return None
    rewards = maker.generation.rewards([draft.notes.to_json() for draft in drafts if draft.notes], domain).rewards
    heard = [
        (min(reward.future, reward.past), draft)
        for reward, draft in zip(rewards, drafts, strict=True)
        if reward is not None
    ]
    return max(heard, key=lambda each: each[0])[1] if heard else None


def _noted(draft: Draft, among: int) -> Draft:
    piece = {**draft.latents.piece, TENSION: {"among": among}}
    return replace(draft, latents=replace(draft.latents, piece=piece))
