from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from db.tables import Vote
from webapp.listeners import accounts
from webapp.listening.comparison import VoteRequest, require_heard, trust_of
from webapp.runtime.errors import NotAllowed

FOUR = (3000, 0, 10, 1000)


def test_a_vote_on_what_nobody_heard_is_refused_and_a_skip_is_not() -> None:
    for heard in ((0, 0), (3000, 999), (0, 0, 5000, 0)):
        with pytest.raises(NotAllowed, match="heard"):
            require_heard("left", heard)
        require_heard("skipped", heard)
        require_heard("left", (1000, 1000))
        require_heard("c", FOUR)


def test_what_cannot_have_been_heard_is_marked() -> None:
    for heard, seconds_ago, trust in (
        ((4000, 4000), 9, "heard"),
        ((4000, 4000), 3, "suspicious"),  # twice as long as it was there
        ((4000, 0), 60, "suspicious"),
        (FOUR, 60, "suspicious"),
        ((4000, 4000), -60, "unavailable"),
    ):
        asked_at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
        assert trust_of(VoteRequest(uuid.uuid4(), "left", heard), asked_at) == trust


def test_a_vote_over_http_needs_something_heard_and_is_marked(client, stock, context):
    stock()
    client.get("/api/listener")
    offer = client.get("/api/offers").json()[0]["offer_id"]
    silent = {"outcome": "left", "heard_ms": {"left": 0, "right": 0}}
    refused = client.post(f"/api/offers/{offer}/vote", json=silent)
    assert (refused.status_code, "heard" in refused.json()["error"]) == (422, True)
    long = {"outcome": "left", "heard_ms": {"left": 500_000, "right": 500_000}}
    assert client.post(f"/api/offers/{offer}/vote", json=long).json()["picks"] == 1  # counted, and marked
    assert context.database.transaction(lambda s: s.scalars(select(Vote.trust)).all()) == ["suspicious"]


def test_a_program_that_heard_nothing_is_marked_not_dropped(context, stock):
    stock()
    listener = accounts.create(context.database)
    context.pairs.record_vote(listener, context.pairs.open(listener)[0].id, "left", (0, 0))
    assert context.database.transaction(lambda s: s.scalars(select(Vote.trust)).all()) == ["suspicious"]
