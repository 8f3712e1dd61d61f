"""The most beautiful of four: a listener always has two open fours, as they have two open pairs, and picks once.

All four clips are short ones, so that hearing a few seconds of each stays a matter of half a minute. A pick teaches the
same head as a vote on a pair and counts among the same picks.
"""

from __future__ import annotations

import logging
import uuid
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from db.queries import clips as clip_rows
from db.queries import fours as rows
from db.queries import listeners as listener_rows
from db.queries import votes as vote_rows
from db.queries.offers import met_among
from db.tables import FOUR_PICKS, Four, Listener
from models.taste.bradley_terry import Head
from models.taste.fours import NoFourLeftError, choose_four
from models.taste.plackett_luce import FOUR, predict_four
from webapp.services import compose, heads
from webapp.services.house import House
from webapp.services.offers import NEWEST_OWN, OPEN, SHORT_SECONDS, candidates, shown_clip
from webapp.services.pool_cache import PlayableClips
from webapp.services.problems import Contradiction, NotReady, NotYours, UnknownListenerError

log = logging.getLogger(__name__)


def open_fours(house: House, listener_id: uuid.UUID) -> list[dict[str, Any]]:
    """The two open fours, oldest first, made where missing; raises ``NotReady`` where there is not even one."""

    def work(session: Session) -> list[dict[str, Any]]:
        listener = listener_rows.lock_listener(session, listener_id)
        if listener is None:
            raise UnknownListenerError("this listener is not known; GET /api/listener gives a new one")
        return [_shown(four) for four in _fill_up(session, house, listener)]

    fours = house.database.transaction(work)
    if not fours:
        raise NotReady("the first pieces are being composed; ask again in a second")
    return fours


def take(
    house: House, listener_id: uuid.UUID, four_id: uuid.UUID, outcome: str, heard_ms: tuple[int, int, int, int]
) -> dict[str, Any]:
    """Store a pick and answer ``{four_id, outcome, picks, open}``; the same pick again answers the same.

    Raises ``NotYours`` for a four that isn't this listener's and ``Contradiction`` where it has another outcome.
    """

    def work(session: Session) -> dict[str, Any]:
        claim = rows.claim_four(session, four_id=four_id, listener_id=listener_id, outcome=outcome)
        listener = listener_rows.get_listener(session, listener_id)
        if claim.four is None or listener is None:
            raise NotYours(f"you have no four {four_id}; GET /api/fours gives your open ones")
        if claim.status == "conflict" and claim.vote is not None:
            raise Contradiction(
                f"this four was answered with {claim.vote.outcome!r} already; it can't become {outcome!r}"
            )
        head: Head | None = None
        new = claim.status == "new"
        if new:
            head = _learn(session, house, listener, claim.four, outcome=outcome, heard_ms=heard_ms)
        picks = vote_rows.count_picks(session, listener_id, until=claim.vote.created_at if claim.vote else None)
        if new and outcome in FOUR_PICKS and compose.is_due(picks):
            compose.enqueue(session, listener, picks)
        filled = _fill_up(session, house, listener, head, picks if new else None, picked=four_id if new else None)
        answer = {"four_id": four_id, "outcome": outcome, "picks": picks, "open": [_shown(four) for four in filled]}
        return answer | {"status": claim.status}

    result = house.database.transaction(work)
    log.info("pick four=%s listener=%s outcome=%s status=%s", four_id, listener_id, outcome, result.pop("status"))
    return result


def _learn(
    session: Session, house: House, listener: Listener, four: Four, *, outcome: str, heard_ms: tuple[int, ...]
) -> Head:
    """Predict, store the pick with the prediction, update the head."""
    head = heads.load_to_learn(session, listener, house.space)
    known = heads.features_of(session, four.clips, house.space)
    features = [known[clip] for clip in four.clips if clip in known]
    rows.store_four_vote(
        session,
        four,
        outcome=outcome,
        chances=predict_four(head, features if len(features) == FOUR else np.zeros((FOUR, house.space.size))).tolist(),
        head_version=head.version,
        votes_seen=head.votes_seen,
        heard_ms=heard_ms,
        model_version=house.space.version,
    )
    if len(features) == FOUR:  # of the same model as the head
        head = heads.after(head, known, four.clips, outcome)
        heads.save(session, listener.id, head)
    return head


def _fill_up(
    session: Session,
    house: House,
    listener: Listener,
    head: Head | None = None,
    picks: int | None = None,
    *,
    picked: uuid.UUID | None = None,
) -> list[Four]:
    """The open fours of a listener whose row is locked, drawn up to two; new ones are written down with ``picked``."""
    fours = rows.open_fours(session, listener.id)
    changed = [picked] if picked else []
    if len(fours) < OPEN:
        head = head or heads.load(session, listener.id, house.space)
        picks = vote_rows.count_picks(session, listener.id) if picks is None else picks
        while len(fours) < OPEN and (four := _draw(session, house, listener, head, picks + len(fours))) is not None:
            fours.append(four)
            changed.append(four.id)
    if changed:
        house.journal.append(session, listener.id, fours=changed)
    return fours


def _draw(session: Session, house: House, listener: Listener, head: Head, picks: int) -> Four | None:
    """Draw and store one more four from the listener's domain; None where none is left."""
    pool, version = house.pool.clips(session, listener.domain), house.space.version
    theirs = clip_rows.composed_clips(
        session, listener.id, domain=listener.domain, model_version=version, newest=NEWEST_OWN
    )
    own = PlayableClips.of(theirs, house.space).playing(SHORT_SECONDS)
    met = met_among(session, listener.id, {*pool.ids, *own.ids})
    among = candidates(pool.playing(SHORT_SECONDS), own, met, listener.id)
    try:
        choice = choose_four(
            among.clips.features,
            head,
            offered=rows.sets_among(session, listener.id, among.clips.ids),
            picks=picks,
            generator=np.random.default_rng(),
            heard=among.heard,
            composed=among.composed,
            mixture=among.mixture,
            styles=house.space.together,
            seed=listener.id.int % 2**32,
        )
    except NoFourLeftError:
        return None
    return rows.create_four(
        session,
        listener=listener,
        clips=[among.clips.ids[index] for index in choice.clips],
        seconds=SHORT_SECONDS,
        policy=choice.policy,
        four_probability=choice.four_probability,
        order_probability=choice.order_probability,
    )


def _shown(four: Four) -> dict[str, Any]:
    """A four as the page sees it."""
    return {"four_id": four.id, "clips": [shown_clip(clip, four.seconds) for clip in four.clips]}
