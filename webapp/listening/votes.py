"""Pairs: voted on once, after the prediction, with the head learning and the next pair drawn in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sqlalchemy.orm import Session

from db.queries import votes as rows
from db.tables import PICKS, Listener, Offer, Vote
from models.taste.head import Head, predict
from models.taste.space import TasteSpace
from webapp.learning import heads
from webapp.listening.pairs import fill_up, shown
from webapp.listening.voting import Game


def _learn(
    session: Session, space: TasteSpace, listener: Listener, offer: Offer, *, outcome: str, heard_ms: Sequence[int]
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


PAIRS = Game(Offer, Vote, "offer", PICKS, _learn, fill_up, shown)
take = PAIRS.take
