from __future__ import annotations

import uuid

import numpy as np
import pytest
from sqlalchemy import func, select, update

from db.tables import Clip, Offer, Prediction, Vote
from webapp.composing import wishes
from webapp.learning import heads
from webapp.listeners import accounts, restore, rewind
from webapp.listeners.archive import export
from webapp.runtime.errors import NotAllowed, NotYours


@pytest.fixture
def listener(context, stock):
    stock("pop", 16)
    stock("dance", 8)
    return accounts.create(context.database)


def head(context, listener):
    return context.database.transaction(lambda s: heads.load(s, listener, context.space))


def vote(context, listener, outcome: str) -> uuid.UUID:
    offer = context.pairs.open(listener)[0].id
    context.pairs.record_vote(listener, offer, outcome, (1, 1))
    return offer


def ids(offers) -> list[uuid.UUID]:
    return [offer.id for offer in offers]


def told(context, listener) -> dict:
    """What an export tells, but when something was changed, and what is left to be composed."""
    found = export(context.database, listener) | {"jobs": []}
    found["heads"] = [{name: value for name, value in row.items() if name != "updated_at"} for row in found["heads"]]
    return found


@pytest.mark.slow
def test_undoing_leads_back_vote_by_vote_to_the_very_same_pairs_and_heads(context, listener):
    before = []
    for outcome in ("left", "skipped", "right", "equal", "left"):
        before.append((ids(context.pairs.open(listener)), head(context, listener), told(context, listener)))
        vote(context, listener, outcome)
    for place, (offers, learned, story) in reversed([*enumerate(before)]):
        done = rewind.undo_last(context.records, listener)
        assert done == rewind.Undone("offer", offers[0], "pop", [0, 1, 1, 2, 3][place], 0)
        now = head(context, listener)
        np.testing.assert_array_equal(now.mean, learned.mean)
        np.testing.assert_array_equal(now.covariance, learned.covariance)
        assert told(context, listener) == story
        assert ids(context.pairs.open(listener)) == offers
    with pytest.raises(NotAllowed, match="no pick to undo"):
        rewind.undo_last(context.records, listener)
    counts = (
        context.database.transaction(lambda s, t=t: s.scalar(select(func.count(t.offer_id))))
        for t in (Vote, Prediction)
    )
    assert [*counts] == [0, 0]


def test_a_pair_that_was_undone_is_answered_again_once(context, listener):
    vote(context, listener, "left")
    offer = vote(context, listener, "left")
    rewind.undo_last(context.records, listener)
    assert context.pairs.record_vote(listener, offer, "right", (1, 1)).new
    assert not context.pairs.record_vote(listener, offer, "right", (1, 1)).new
    assert [row["vote"]["outcome"] for row in export(context.database, listener)["offers"] if row["vote"]] == [
        "left", "right"
    ]  # fmt: skip


@pytest.mark.slow
def test_pairs_and_fours_are_undone_in_the_order_of_their_votes(context, listener):
    pair = vote(context, listener, "left")
    four = context.best_of_four.open(listener)[0].id
    context.best_of_four.record_vote(listener, four, "c", (1, 1, 1, 1))
    assert [(rewind.undo_last(context.records, listener)) for _ in range(2)] == [
        rewind.Undone("four", four, "pop", 1, 0),
        rewind.Undone("offer", pair, "pop", 0, 0),
    ]
    assert context.best_of_four.open(listener)[0].id != four  # drawn after the vote that is undone
    assert context.pairs.open(listener)[0].id == pair


def test_the_listener_is_back_in_the_music_of_what_is_undone(context, listener):
    pair = vote(context, listener, "left")
    accounts.change_domain(context.database, context.journal, listener, "dance")
    assert rewind.undo_last(context.records, listener).domain == "pop"
    assert accounts.account(context.database, listener).domain == "pop"
    assert context.pairs.open(listener)[0].id == pair


def test_what_was_composed_since_stays(context, listener, stock):
    vote(context, listener, "left")
    own = stock("pop", 2, composed_for=listener)
    rewind.undo_last(context.records, listener)
    found = context.database.transaction(lambda s: s.scalar(select(func.count()).where(Clip.id.in_(own))))
    assert found == 2


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["proof", "claim"])
def test_a_blind_test_that_has_told_what_it_was_keeps_its_answer(context, listener, policy):
    offer = vote(context, listener, "left")
    context.database.transaction(lambda s: s.execute(update(Offer).where(Offer.id == offer).values(policy=policy)))
    before = export(context.database, listener)
    with pytest.raises(NotAllowed, match="its answer stays"):
        rewind.undo_last(context.records, listener)
    assert export(context.database, listener) == before


@pytest.mark.durability
@pytest.mark.slow
def test_the_journal_forgets_what_was_undone_and_rebuilds_the_rest(context, listener, another_context):
    vote(context, listener, "left")
    undone = vote(context, listener, "right")
    rewind.undo_last(context.records, listener)
    kept = context.journal.segment(listener).path.read_text(encoding="utf-8")
    assert '"outcome":"right"' not in kept
    assert str(undone) in kept
    elsewhere = another_context(home=context.settings.home)
    assert restore.rebuild(elsewhere.database, elsewhere.journal, elsewhere.spaces).problems == []
    assert told(elsewhere, listener)["offers"] == told(context, listener)["offers"]
    vote(elsewhere, listener, "equal")


def test_nobody_can_undo_who_is_not_there(context):
    with pytest.raises(NotYours):
        rewind.undo_last(context.records, uuid.uuid4())


def test_with_the_last_pick_goes_what_is_being_composed(context, listener):
    for _ in range(wishes.EARLY_AT):
        vote(context, listener, "left")
    for picks in range(wishes.EARLY_AT - 1, -1, -1):
        assert wishes.state(context.database, listener).state == "waiting"
        assert rewind.undo_last(context.records, listener).picks == picks
    assert wishes.state(context.database, listener).state == "none"
