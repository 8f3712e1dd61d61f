"""How often clips that were made for a listener come to them."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from db.tables import Clip, Listener, Offer
from models.taste.policy import Mixture
from webapp.listeners import accounts
from webapp.listening.comparison import UNHEARD_COMPOSED, CandidatePool


@pytest.fixture
def owner(context, stock):
    """A listener with five own clips, of which four were met: ``(listener, own)``, the one that waits last."""
    stock("pop", 6)
    listener = accounts.create(context.database)
    own = stock("pop", 4, composed_for=listener)
    clips = iter(own)
    for left, right in zip(clips, clips, strict=True):

        def offer(session, left=left, right=right):
            about = {"left_clip": left, "right_clip": right, "seconds": 7.0, "policy": "control"}
            chances = {"pair_probability": 0.1, "order_probability": 0.5, "condition": "default"}
            session.add(Offer(listener_id=listener, study_id="default", **about, **chances))

        context.database.transaction(offer)
    return listener, [*own, *stock("pop", 1, composed_for=listener)]


def candidates(context, listener):
    def look(session):
        available = CandidatePool.of(session, context.playable, session.get(Listener, listener))
        return available.candidates(session, Offer, 7.0)

    return context.database.transaction(look)


def test_while_an_own_clip_waits_the_raised_share_is_for_it_and_not_for_those_met_before(context, owner):
    listener, own = owner
    found = candidates(context, listener)
    assert found.mixture.composed == UNHEARD_COMPOSED
    composed = [clip for clip, is_own in zip(found.clips.ids, found.composed, strict=True) if is_own]
    assert composed == own[-1:]


def test_a_gift_that_was_opened_does_not_wait(context, owner):
    listener, own = owner
    opened = update(Clip).where(Clip.id == own[-1]).values(kind="opened")
    context.database.transaction(lambda session: session.execute(opened))
    found = candidates(context, listener)
    assert found.mixture == Mixture()
    assert found.composed.sum() == len(own)
