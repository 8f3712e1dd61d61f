"""What survives a reload: the pair, what was heard of it, and a vote on its way."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.sound_clock import listen

pytestmark = pytest.mark.slow


def test_a_reload_in_the_middle_of_a_pair_brings_the_same_two_offers_and_what_was_heard(visit):
    visitor = visit().arrive()
    before = visitor.offer_ids()
    visitor.hear("a")
    listen(visitor.frame, 3.2)
    expect(visitor.frame.locator(".k-hint")).to_have_text("Listen to B a little more.")
    visitor.page.reload()
    expect(visitor.get("player-a")).to_be_enabled()
    assert visitor.offer_ids() == before
    expect(visitor.get("vote-left")).to_be_disabled()
    visitor.get("player-b").click()
    listen(visitor.frame, 3.2)
    expect(visitor.get("vote-left")).to_be_enabled()  # A was heard before the reload


def test_a_vote_that_could_not_be_sent_survives_a_reload_and_is_stored_once(listened):
    visitor = listened()
    visitor.page.route("**/vote", lambda route: route.abort())
    voted = visitor.offer_ids()[0]
    visitor.vote("right")
    status = visitor.frame.locator(".k-status")
    expect(status).to_have_text(re.compile("Your pick is kept and will be sent"))
    visitor.page.reload()
    expect(status).to_have_text(re.compile("Your pick is kept|Sending your last pick"))
    visitor.page.unroute("**/vote")
    visitor.expect_picks(1)
    expect(visitor.get("player-a")).to_be_enabled()
    assert visitor.votes() == [(voted, "right")]


def test_a_lost_connection_keeps_the_vote_and_the_next_pair_plays_on(listened):
    visitor = listened()
    visitor.context.set_offline(True)
    visitor.vote("left")
    expect(visitor.frame.locator(".k-status")).to_have_text(re.compile("Your pick is kept and will be sent"))
    visitor.expect_the_next_pair_to_sound(1)
    expect(visitor.get("vote-skipped")).to_be_disabled()  # one vote after the other
    visitor.context.set_offline(False)
    visitor.expect_picks(1)
    expect(visitor.get("vote-skipped")).to_be_enabled()
