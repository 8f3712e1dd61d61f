from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import delete as remove
from sqlalchemy import select

from db.queries import offers
from db.queries.listeners import without_anything
from db.tables import Clip, Fit
from webapp.fit import learned
from webapp.fit.drawings import shipped
from webapp.fit.learned import FEWEST
from webapp.listeners import accounts, restore
from webapp.listeners.accounts import delete
from webapp.listeners.archive import export
from webapp.runtime.errors import Contradiction, NotAllowed, NotYours, UnknownListenerError


@pytest.fixture
def listener(context, stock):
    stock("pop", 6)
    return accounts.create(context.database)


def answer(context, listener, outcome="left", which=0):
    _, found = context.questions.open(listener)
    heard = [4000] * len(found[which].clips)
    return context.questions.answer(listener, found[which].fit_id, outcome, heard)


def stored(context):
    return context.database.transaction(
        lambda s: [(f.id, f.outcome, f.left_picture, f.left_measures) for f in s.scalars(select(Fit).order_by(Fit.id))]
    )


def clips_of_questions(context):
    return context.database.transaction(
        lambda s: [(f.left_clip, f.right_clip) for f in s.scalars(select(Fit).order_by(Fit.id))]
    )


def test_two_questions_are_open_and_a_reload_gets_the_same(context, listener):
    picks, found = context.questions.open(listener)
    assert picks == 0
    assert len(found) == 2
    for each in found:
        assert (len(each.clips), len(each.pictures)) == ((1, 2) if each.kind == "pictures" else (2, 1))
        assert {*each.pictures} <= {*shipped().names}
    assert context.questions.open(listener) == (0, found)


def test_an_answer_counts_once_and_another_is_refused(context, listener):
    _, (first, second) = context.questions.open(listener)
    heard = [4000] * len(first.clips)
    answered = context.questions.answer(listener, first.fit_id, "left", heard)
    assert answered.new
    assert answered.picks == 1
    assert answered.open[0] == second
    assert len(answered.open) == 2
    again = context.questions.answer(listener, first.fit_id, "left", heard)
    assert again == answered
    assert not again.new
    with pytest.raises(Contradiction, match="'left' already"):
        context.questions.answer(listener, first.fit_id, "right", heard)
    assert answer(context, listener, "skipped").picks == 1
    assert answer(context, listener, "equal").picks == 2


def test_what_was_not_asked_or_not_heard_is_refused(context, listener):
    _, (first, _) = context.questions.open(listener)
    somebody = accounts.create(context.database)
    with pytest.raises(NotYours):
        context.questions.answer(somebody, first.fit_id, "left", [4000])
    with pytest.raises(NotYours):
        context.questions.answer(listener, uuid.uuid4(), "left", [4000])
    with pytest.raises(NotAllowed, match="not heard"):
        context.questions.answer(listener, first.fit_id, "left", [300] * len(first.clips))
    with pytest.raises(NotAllowed, match="3 numbers"):
        context.questions.answer(listener, first.fit_id, "left", [4000] * 3)
    with pytest.raises(UnknownListenerError):
        context.questions.open(uuid.uuid4())
    assert context.questions.open(listener)[0] == 0


def test_picks_teach_the_tie_and_it_is_said_how_many_were_foreseen(context, listener):
    before = learned.overview(context.database, listener)
    assert (before.picks, before.own, before.foreseen.n) == (0, [], 0)
    assert len(before.guessed) == 4
    with pytest.raises(NotAllowed, match=f"{FEWEST} are needed"):
        learned.links_of(context.database, listener)
    foreseen = [answer(context, listener, outcome).foreseen for outcome in ("left", "right") * 4]
    found = learned.overview(context.database, listener)
    assert found.picks == 8
    assert found.foreseen.n == 8
    assert found.foreseen.value * 8 == pytest.approx(sum(foreseen))
    links = learned.links_of(context.database, listener)
    assert [len(row) for row in links] == [5] * 5
    assert links[4] == [0, 0, 0, 0, pytest.approx(1, abs=0.5)]


def test_what_was_measured_stays_when_a_clip_goes(context, listener):
    answer(context, listener)
    before = stored(context)
    tie = context.database.transaction(lambda s: learned.head_of(offers.answered_fits(s, listener))).mean
    context.database.transaction(lambda s: s.execute(remove(Clip)))
    assert stored(context) == before
    assert (
        context.database.transaction(lambda s: learned.head_of(offers.answered_fits(s, listener))).mean == tie
    ).all()


def test_they_travel_in_an_export_and_go_when_the_listener_is_deleted(context, listener):
    for outcome in ("left", "skipped"):
        answer(context, listener, outcome)
    data, before = export(context.database, listener), stored(context)
    assert [row["outcome"] for row in data["fits"]].count(None) == 2
    delete(context.records, listener)
    assert stored(context) == []
    restore.restore(context.database, context.journal, data)
    assert stored(context) == before
    assert export(context.database, listener)["fits"] == data["fits"]


def test_an_export_without_its_clips_keeps_what_they_taught(context, listener, another_context):
    answer(context, listener)
    data, tie = export(context.database, listener), learned.overview(context.database, listener)
    other = another_context()
    restore.restore(other.database, other.journal, data)
    assert learned.overview(other.database, listener) == tie
    kept = other.database.transaction(lambda s: [f.left_clip for f in offers.fits_of(s, listener)])
    assert kept == [None] * len(data["fits"])


@pytest.mark.durability
def test_a_rebuilt_journal_brings_them_back(context, listener, another_context):
    answer(context, listener, "right")
    before = stored(context)
    other = another_context(context.settings.home, migrated=False)
    assert restore.rebuild(other.database, other.journal, other.spaces).problems == []
    assert stored(other) == before
    assert clips_of_questions(other) == clips_of_questions(context), "with their clips, which nothing else had named"


def test_who_was_asked_is_not_taken_for_somebody_who_left_nothing(context, listener):
    def left_nothing(session):
        return without_anything(session, timedelta(0), 10)

    assert context.database.transaction(left_nothing) == [listener]
    answer(context, listener)
    assert context.database.transaction(left_nothing) == []


def test_the_interface_asks_shows_and_takes_an_answer(client, stock):
    stock("pop", 6)
    found = client.get("/api/fits").json()
    (first, _), picks = found["open"], found["picks"]
    assert picks == 0
    picture = client.get(first["pictures"][0]["url"])
    assert picture.headers["content-type"] == "image/svg+xml"
    assert picture.content.startswith(b"<svg")
    assert client.get("/api/fits/pictures/nothing.svg").status_code == 404
    address, heard = f"/api/fits/{first['fit_id']}/answer", [3000.4] * len(first["clips"])
    reply = client.post(address, json={"outcome": "left", "heard_ms": heard})
    assert reply.json()["picks"] == 1
    assert client.post(address, json={"outcome": "right", "heard_ms": heard}).status_code == 409
    for wrong in ({"outcome": "neither", "heard_ms": heard}, {"outcome": "left"}, {"outcome": "left", "heard_ms": []}):
        assert client.post(address, json=wrong).status_code == 422
