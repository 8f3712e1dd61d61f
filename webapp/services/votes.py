"""Taking a vote: once, after its prediction, with the head learning and the next pair drawn in the same transaction."""

from __future__ import annotations

import logging
import uuid
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.queries import listeners as listener_rows
from db.queries import votes as rows
from db.tables import PICKS, Clip, Offer
from db.tables.base import Floats
from models.taste.bradley_terry import Head, Outcome, predict, update
from models.taste.space import TasteSpace
from webapp.services import compose, heads
from webapp.services.house import House
from webapp.services.offers import fill_up, shown
from webapp.services.problems import Contradiction, NotYours

log = logging.getLogger(__name__)


def take(
    house: House, listener_id: uuid.UUID, offer_id: uuid.UUID, outcome: str, heard_ms: tuple[int, int]
) -> dict[str, Any]:
    """Store a vote and answer ``{offer_id, outcome, picks, open}``; the same vote again answers the same.

    Raises ``NotYours`` for an offer that isn't this listener's and ``Contradiction`` where it has another outcome.
    """

    def work(session: Session) -> dict[str, Any]:
        claim = rows.claim_vote(session, offer_id=offer_id, listener_id=listener_id, outcome=outcome)
        listener = listener_rows.get_listener(session, listener_id)
        if claim.status == "not_found" or claim.offer is None or listener is None:
            raise NotYours(f"you have no offer {offer_id}; GET /api/offers gives your open ones")
        if claim.status == "conflict" and claim.vote is not None:
            raise Contradiction(
                f"this offer was answered with {claim.vote.outcome!r} already; it can't become {outcome!r}"
            )
        head: Head | None = None
        if claim.status == "new":
            head = _learn(session, house, claim.offer, outcome, heard_ms)
            picks = rows.count_picks(session, listener_id)
            if outcome in PICKS and compose.is_due(picks):
                compose.enqueue(session, listener, picks)
        else:
            picks = _picks_then(session, offer_id, listener_id)
        new = claim.status == "new"
        filled = fill_up(session, house, listener, head, picks if new else None, voted=offer_id if new else None)
        open_now = [shown(offer) for offer in filled]
        return {"offer_id": offer_id, "outcome": outcome, "picks": picks, "open": open_now, "status": claim.status}

    result = house.database.transaction(work)
    status = result.pop("status")
    log.info("vote offer=%s listener=%s outcome=%s status=%s", offer_id, listener_id, outcome, status)
    return result


def _learn(session: Session, house: House, offer: Offer, outcome: str, heard_ms: tuple[int, int]) -> Head:
    """Predict, store prediction and vote, update the head."""
    space = house.space
    head = heads.load(session, offer.listener_id, space)
    difference = pair_difference(session, space, offer.left_clip, offer.right_clip)
    expected = predict(head, np.zeros(space.size) if difference is None else difference)
    rows.store_vote(
        session,
        offer,
        outcome=outcome,
        expected=rows.Expected(
            p_left=float(expected.left[0]),
            p_equal=float(expected.equal[0]),
            p_right=float(expected.right[0]),
            head_version=head.version,
            votes_seen=head.votes_seen,
        ),
        left_ms=heard_ms[0],
        right_ms=heard_ms[1],
        model_version=space.version,
    )
    if difference is not None:
        head = update(head, difference, cast("Outcome", outcome))
        heads.save(session, offer.listener_id, head)
    return head


def pair_difference(
    session: Session, space: TasteSpace, left: uuid.UUID, right: uuid.UUID
) -> npt.NDArray[np.float64] | None:
    """Features of the left clip minus those of the right, ``(F,)``; None where they belong to another model."""
    query = select(Clip.id, Clip.summary).where(Clip.id.in_([left, right]), Clip.model_version == space.version)
    summaries = {row.id: row.summary for row in session.execute(query)}
    if len(summaries) < 2:
        return None
    return feature_difference(space, summaries[left], summaries[right])


def feature_difference(space: TasteSpace, left: Floats, right: Floats) -> npt.NDArray[np.float64]:
    """Features of the left summary ``(D,)`` minus those of the right, ``(F,)``."""
    both = space.features(np.stack([left, right]))
    difference: npt.NDArray[np.float64] = both[0] - both[1]
    return difference


def _picks_then(session: Session, offer_id: uuid.UUID, listener_id: uuid.UUID) -> int:
    """How many picks there were right after the vote on this offer."""
    picks = 0
    for vote in rows.votes_of(session, listener_id):
        picks += vote.outcome in PICKS
        if vote.offer_id == offer_id:
            break
    return picks
