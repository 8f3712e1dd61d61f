"""Fours and picks: one story whatever is sent, one head with the votes on pairs, one way back."""

from __future__ import annotations

import csv
import io
import json
import threading
import uuid
import zipfile

import numpy as np
import pytest
from sqlalchemy import func, select, text

from db.queries.listeners import get_listener
from db.tables import Four, FourVote, Prediction
from webapp.learning import heads
from webapp.listeners import accounts, rewind
from webapp.listeners import archive as takeout
from webapp.listeners import restore as journal_rebuild
from webapp.listeners.accounts import delete
from webapp.listeners.archive import export
from webapp.listeners.restore import restore
from webapp.research import vote_report
from webapp.runtime.errors import Contradiction, NotReady, NotYours

HEARD = (3000, 3100, 3200, 3300)


def count(context, table, *where) -> int:
    return context.database.transaction(lambda s: s.scalar(select(func.count()).select_from(table).where(*where)))


def first(context, listener) -> uuid.UUID:
    return context.best_of_four.open(listener)[0].id


def pick(context, listener, outcome="a"):
    return context.best_of_four.record_vote(listener, first(context, listener), outcome, HEARD)


def vote(context, listener, outcome="left"):
    return context.pairs.record_vote(listener, context.pairs.open(listener)[0].id, outcome, HEARD[:2])


def head(context, listener):
    return context.database.transaction(lambda s: heads.load(s, listener, context.space)).to_columns()


@pytest.fixture
def mixed(context, stock):
    """A listener with votes on pairs and fours of every kind, and clips of their own among both."""

    def make() -> uuid.UUID:
        stock("pop", 16)
        listener = accounts.create(context.database)
        own = stock("pop", 3, composed_for=listener)
        context.database.transaction(lambda session: context.journal.append(session, listener, clips=own))
        for pair, four in zip(("left", "neither", "right", "skipped"), ("b", "none", "skipped", "d"), strict=True):
            vote(context, listener, pair)
            pick(context, listener, four)
        return listener

    return make


def test_a_reload_gets_the_same_four_and_a_pick_is_stored_once(context, stock):
    stock("pop", 12)
    listener, stranger = (
        accounts.create(context.database),
        accounts.create(context.database),
    )
    shown = context.best_of_four.open(listener)
    assert context.best_of_four.open(listener) == shown
    assert all(len({clip.clip_id for clip in four.clips}) == 4 for four in shown)
    assert {clip.seconds for four in shown for clip in four.clips} == {7.0}
    told = {"clip_id", "audio_url", "notes_url", "image_url", "seconds"}  # nothing tells its origin
    assert set(vars(shown[0].clips[0])) == told
    one, two = (four.id for four in shown)
    with pytest.raises(NotYours):
        context.best_of_four.record_vote(stranger, one, "a", HEARD)
    answer = context.best_of_four.record_vote(listener, one, "c", HEARD)
    assert (answer.picks, answer.open[0].id) == (1, two)
    assert context.best_of_four.record_vote(listener, one, "c", HEARD) == answer
    with pytest.raises(Contradiction, match="'c' already"):
        context.best_of_four.record_vote(listener, one, "d", HEARD)
    context.best_of_four.record_vote(listener, two, "none", HEARD)
    assert context.best_of_four.record_vote(listener, one, "c", HEARD).picks == 1
    assert count(context, FourVote) == 2


def test_two_tabs_that_pick_at_once_store_one_pick(context, stock):
    stock("pop", 12)
    listener = accounts.create(context.database)
    four = first(context, listener)
    start, told = threading.Barrier(4), []

    def tab(outcome: str) -> None:
        start.wait()
        try:
            told.append(context.best_of_four.record_vote(listener, four, outcome, HEARD).outcome)
        except Contradiction:
            told.append("refused")

    tabs = [threading.Thread(target=tab, args=(outcome,)) for outcome in ("a", "a", "b", "b")]
    for each in tabs:
        each.start()
    for each in tabs:
        each.join()
    assert sorted(told) in (["a", "a", "refused", "refused"], ["b", "b", "refused", "refused"])
    assert count(context, FourVote) == 1
    assert head(context, listener).votes_seen == 1


def test_a_pick_keeps_what_was_expected_before_it_and_how_the_four_was_drawn(context, stock):
    stock("pop", 12)
    listener = accounts.create(context.database)
    for outcome in ("a", "a", "d", "none"):
        pick(context, listener, outcome)
    rows = context.database.transaction(
        lambda s: s.execute(
            select(Four, FourVote).join(FourVote, FourVote.four_id == Four.id).order_by(FourVote.created_at)
        ).all()
    )
    assert [picked.votes_seen for _, picked in rows] == [0, 1, 2, 3]
    assert rows[0][1].chances == pytest.approx([0.25] * 4, abs=0.1)
    assert rows[3][1].chances != pytest.approx(rows[0][1].chances, abs=1e-3)  # what was picked is expected
    for four, picked in rows:
        assert sum(picked.chances) == pytest.approx(1)
        assert picked.heard_ms == list(HEARD)
        assert 0 < four.four_probability <= 1
        assert four.order_probability == pytest.approx(1 / 24)


def test_pairs_and_fours_teach_one_head_which_is_learned_again_bit_for_bit(context, mixed):
    listener = mixed()
    stored = head(context, listener)
    assert stored.votes_seen == 6  # a pair and a four were skipped
    again = context.database.transaction(lambda s: heads.learned(s, get_listener(s, listener), context.space))
    assert again.to_columns() == stored
    assert accounts.account(context.database, listener).picks == 4


@pytest.mark.slow
def test_one_goes_back_over_pairs_and_fours(context, mixed):
    listener = mixed()
    told = rewind.history(context.database, listener, before=99, limit=99)
    assert [each.outcome for each in told.votes][::-1] == [
        "left", "b", "neither", "none", "right", "skipped", "skipped", "d",
    ]  # fmt: skip
    heads_then = {8: head(context, listener)}
    for keep in (7, 4, 3, 1):
        assert rewind.rewind(context.records, listener, keep).votes == keep
        assert count(context, FourVote) + count(context, Prediction) == keep
        heads_then[keep] = head(context, listener)
    assert heads_then[7].votes_seen == 5
    assert heads_then[1].votes_seen == 1
    rewind.rewind(context.records, listener, 0)
    assert count(context, Four) == 0


@pytest.mark.slow
def test_a_listener_with_fours_is_exported_brought_back_and_deleted(context, mixed, another_context, tables):
    listener, other = mixed(), another_context()
    data = json.loads(json.dumps(export(context.database, listener)))
    assert [four["vote"] and four["vote"]["outcome"] for four in data["fours"]] == [
        "b", "none", "skipped", "d", None, None,
    ]  # fmt: skip
    back = restore(other.database, other.journal, data)
    assert (back.votes, back.missing) == (8, 0)
    assert head(other, listener) == head(context, listener)
    mine, theirs = tables(context), tables(other)
    for name in ("fours", "four_votes", "offers", "votes"):
        assert theirs[name] == mine[name], name
    assert other.best_of_four.open(listener) == context.best_of_four.open(listener)
    delete(context.records, listener)
    left = context.database.transaction(
        lambda s: [s.scalar(text(f"SELECT count(*) FROM {name}")) for name in ("fours", "four_votes", "heads")]
    )
    assert left == [0, 0, 0]


@pytest.mark.durability
@pytest.mark.slow
def test_a_database_is_rebuilt_with_its_fours(context, mixed, another_context, tables):
    listener = mixed()
    rewind.rewind(context.records, listener, 6)
    pick(context, listener, "c")
    other = another_context(context.settings.home, migrated=False)
    assert journal_rebuild.rebuild(other.database, other.journal, other.spaces).problems == []
    mine, theirs = tables(context), tables(other)
    for name in ("listeners", "fours", "four_votes", "offers", "votes", "predictions", "heads"):
        assert theirs[name] == mine[name], name


@pytest.mark.slow
def test_picks_of_four_are_in_every_table_and_report(context, mixed, tmp_path):
    listener = mixed()
    data = export(context.database, listener)
    rows = list(csv.DictReader(io.StringIO(takeout.fours_csv(data), newline="")))
    assert [row["outcome"] for row in rows] == ["b", "none", "skipped", "d"]
    assert all(sum(float(row[f"p_{place}"]) for place in "abcd") == pytest.approx(1) for row in rows)
    found = vote_report.export(context.database, context.clip_store, context.space, "default", tmp_path / "study.zip")
    assert (found.votes, found.fours) == (4, 4)
    with zipfile.ZipFile(tmp_path / "study.zip") as archive:
        named = list(csv.DictReader(io.StringIO(archive.read("fours.csv").decode(), newline="")))
        clips = {row["clip_id"] for row in csv.DictReader(io.StringIO(archive.read("clips.csv").decode(), newline=""))}
    assert [row["outcome"] for row in named] == ["b", "none", "skipped", "d"]
    assert {row[place] for row in named for place in "abcd"} <= clips
    for told in (
        vote_report.of_listener(context.database, context.space, listener),
        vote_report.of_study(context.database, context.space, "default"),
    ):
        metrics = told.metrics
        assert metrics["fours.none"].value == pytest.approx(1 / 3)
        assert (metrics["fours.accuracy"].n, metrics["fours.accuracy"].chance) == (2, 0.25)
        chances = [float(row[f"p_{row['outcome']}"]) for row in rows if row["outcome"] in "abcd"]
        assert metrics["fours.log_loss"].value == pytest.approx(-np.log(chances).mean())
        assert metrics["fours.first_place"].value == 0


def test_a_damaged_pick_in_an_export_is_refused(context, mixed, another_context):
    data = json.loads(json.dumps(export(context.database, mixed())))
    data["fours"][0]["vote"]["four_id"] = data["fours"][1]["id"]
    with pytest.raises(ValueError, match="does not belong to"):
        restore(another_context().database, another_context().journal, data)


def test_with_less_than_four_clips_there_is_nothing_to_pick_from_yet(context, stock):
    stock("pop", 3)
    listener = accounts.create(context.database)
    with pytest.raises(NotReady):
        context.best_of_four.open(listener)
    stock("pop", 1)
    context.playable._kept.clear()
    (only,) = context.best_of_four.open(listener)
    assert context.best_of_four.record_vote(listener, only.id, "a", HEARD).open == ()
