from __future__ import annotations

import uuid
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import select, update

from db.queries.composed import judged
from db.queries.listeners import without_anything
from db.tables import Clip, Play
from webapp.learning import heads
from webapp.learning.heads import head_for_composing
from webapp.listeners import accounts, restore
from webapp.listeners.accounts import delete
from webapp.listeners.archive import export
from webapp.listening import voting
from webapp.runtime.errors import NotYours


@pytest.fixture
def listener(context):
    return accounts.create(context.database)


@pytest.fixture
def piece(context, listener, stock):
    """A whole piece of the listener's, as a worker would have stored it."""
    (clip_id,) = stock("pop", 1, composed_for=listener)

    def store(session):
        session.execute(update(Clip).where(Clip.id == clip_id).values(kind="whole"))
        session.flush()
        context.journal.keep_clip(session, clip_id)

    context.database.transaction(store)
    return clip_id


def play(context, listener, piece, outcome, heard_ms=2000):
    voting.record_play(context.database, context.journal, listener, piece, outcome=outcome, heard_ms=heard_ms)


def stored(context):
    return context.database.transaction(
        lambda s: [(p.outcome, p.heard_ms) for p in s.scalars(select(Play).order_by(Play.created_at))]
    )


def test_what_became_of_a_piece_is_stored_and_the_head_learns_nothing(context, listener, piece):
    before = context.database.transaction(lambda s: heads.load(s, listener, context.space).to_columns())
    for outcome, heard_ms in (("begun", 0), ("skipped", 2000), ("begun", 0), ("heard_out", 41_000), ("kept", 9)):
        play(context, listener, piece, outcome, heard_ms)
    play(context, listener, piece, "kept", 10)
    assert stored(context) == [("begun", 0), ("skipped", 2000), ("heard_out", 41_000), ("kept", 9)]
    assert context.database.transaction(lambda s: heads.load(s, listener, context.space).to_columns()) == before
    assert accounts.account(context.database, listener).picks == 0


def test_what_is_composed_goes_by_plays_unless_the_listener_says_no(context, listener, stock):
    pieces = stock("pop", 6, composed_for=listener)
    context.database.transaction(lambda s: s.execute(update(Clip).values(kind="whole")))

    def mean():
        return context.database.transaction(lambda s: head_for_composing(s, listener, context.space, "pop").mean)

    votes = mean()
    for place, piece in enumerate(pieces):
        play(context, listener, piece, "begun", 0)
        play(context, listener, piece, "skipped" if place % 2 else "heard_out", 100)
    assert np.array_equal(mean(), votes)  # nobody has listened to any of them
    for place, piece in enumerate(pieces):
        play(context, listener, piece, "skipped" if place % 2 else "heard_out", 9000)
    assert not np.array_equal(mean(), votes)
    rows = context.database.transaction(lambda s: judged(s, listener, domain="pop", least_ms=5000))
    assert rows == [(piece, place % 2 == 0) for place, piece in enumerate(pieces)]
    assert context.database.transaction(lambda s: judged(s, listener, domain="dance", least_ms=5000)) == []
    accounts.let_plays_tell(context.database, context.journal, listener, tell=False)
    assert np.array_equal(mean(), votes)
    assert export(context.database, listener)["listener"]["plays_tell"] is False


def test_what_is_no_whole_piece_of_theirs_is_refused(context, listener, piece, stock):
    for strange in (stock("pop", 1)[0], uuid.UUID(int=3)):
        with pytest.raises(NotYours):
            play(context, listener, strange, "kept")
    with pytest.raises(NotYours):
        play(context, accounts.create(context.database), piece, "kept")
    assert stored(context) == []


def test_they_travel_in_an_export_and_go_when_the_listener_is_deleted(context, listener, piece):
    play(context, listener, piece, "heard_out", 41_000)
    data = export(context.database, listener)
    assert [(row["clip_id"], row["outcome"]) for row in data["plays"]] == [(str(piece), "heard_out")]
    delete(context.records, listener)
    assert stored(context) == []
    restore.restore(context.database, context.journal, data)
    assert stored(context) == [("heard_out", 41_000)]
    assert export(context.database, listener)["plays"] == data["plays"]


@pytest.mark.durability
def test_a_rebuilt_journal_brings_them_back(context, listener, piece, another_context):
    play(context, listener, piece, "begun", 0)
    play(context, listener, piece, "skipped", 700)
    other = another_context(context.settings.home, migrated=False)
    assert restore.rebuild(other.database, other.journal, other.spaces).problems == []
    assert stored(other) == [("begun", 0), ("skipped", 700)]


def test_who_only_listened_is_not_taken_for_somebody_who_left_nothing(context, listener, piece):
    def left_nothing(session):
        return without_anything(session, timedelta(0), 10)

    assert context.database.transaction(left_nothing) == [listener]
    play(context, listener, piece, "begun", 0)
    assert context.database.transaction(left_nothing) == []


def test_the_interface_takes_what_makes_sense(client, piece, listener, context, stock):
    token = client.get("/api/listener").json()["listener_token"]
    client.headers["Authorization"] = f"Bearer {token}"
    address = f"/api/clips/{stock('pop', 1)[0]}/plays"
    assert client.post(address, json={"outcome": "kept", "heard_ms": 1}).status_code == 404
    client.headers["Authorization"] = f"Bearer {context.identity.token(listener)}"
    address = f"/api/clips/{piece}/plays"
    assert client.post(address, json={"outcome": "skipped", "heard_ms": 1.4}).status_code == 204
    assert stored(context) == [("skipped", 1)]
    for wrong in ({"outcome": "liked", "heard_ms": 1}, {"outcome": "kept", "heard_ms": -1}, {"outcome": "kept"}):
        assert client.post(address, json=wrong).status_code == 422
