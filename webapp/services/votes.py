"""Taking a vote: once, after its prediction, with the head learning and the next pair drawn in the same transaction."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from db.queries import listeners as listener_rows
from db.queries import votes as rows
from db.tables import PICKS, Listener, Offer
from models.taste.bradley_terry import Head, predict
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
            head = _learn(session, house.space, listener, claim.offer, outcome=outcome, heard_ms=heard_ms)
            picks = rows.count_picks(session, listener_id)
            if outcome in PICKS and compose.is_due(picks):
                compose.enqueue(session, listener, picks)
        else:
            picks = rows.count_picks(session, listener_id, until=claim.vote.created_at if claim.vote else None)
        new = claim.status == "new"
        filled = fill_up(session, house, listener, head, picks if new else None, voted=offer_id if new else None)
        open_now = [shown(offer) for offer in filled]
        return {"offer_id": offer_id, "outcome": outcome, "picks": picks, "open": open_now, "status": claim.status}

    result = house.database.transaction(work)
    status = result.pop("status")
    log.info("vote offer=%s listener=%s outcome=%s status=%s", offer_id, listener_id, outcome, status)
    return result


def _learn(
    session: Session, space: TasteSpace, listener: Listener, offer: Offer, *, outcome: str, heard_ms: tuple[int, int]
) -> Head:
    """Predict, store prediction and vote, update the head."""
    head = heads.load_to_learn(session, listener, space)
    clips = heads.features_of(session, [offer.left_clip, offer.right_clip], space)
    known = len(clips) == 2  # of the same model as the head
    difference = clips[offer.left_clip] - clips[offer.right_clip] if known else np.zeros(space.size)
    expected = predict(head, difference)
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
    if known:
        head = heads.after(head, clips, (offer.left_clip, offer.right_clip), outcome)
        heads.save(session, listener.id, head)
    return head
