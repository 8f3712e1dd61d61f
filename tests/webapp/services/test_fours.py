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
from db.queries.offers import met_among
from db.tables import Clip, Four, FourVote, Job, Prediction
from webapp.services import compose, dataset, fours, heads, listeners, offers, rebuild, report, rewind, takeout, votes
from webapp.services.problems import Contradiction, NotReady, NotYours

HEARD = (3000, 3100, 3200, 3300)


def count(house, table, *where) -> int:
    return house.database.transaction(lambda s: s.scalar(select(func.count()).select_from(table).where(*where)))


def first(house, listener) -> uuid.UUID:
    return fours.open_fours(house, listener)[0]["four_id"]


def pick(house, listener, outcome="a"):
    return fours.take(house, listener, first(house, listener), outcome, HEARD)


def vote(house, listener, outcome="left"):
    return votes.take(house, listener, offers.open_offers(house, listener)[0]["offer_id"], outcome, HEARD[:2])


def head(house, listener):
    return house.database.transaction(lambda s: heads.load(s, listener, house.space)).to_columns()


@pytest.fixture
def mixed(house, stock):
    """A listener with votes on pairs and fours of every kind, and clips of their own among both."""

    def make() -> uuid.UUID:
        stock("pop", 16)
        listener = listeners.create(house)
        own = stock("pop", 3, composed_for=listener)
        house.database.transaction(lambda session: house.journal.append(session, listener, clips=own))
        for pair, four in zip(("left", "neither", "right", "skipped"), ("b", "none", "skipped", "d"), strict=True):
            vote(house, listener, pair)
            pick(house, listener, four)
        return listener

    return make


def test_a_reload_gets_the_same_four_and_a_pick_is_stored_once(house, stock):
    stock("pop", 12)
    listener, stranger = listeners.create(house), listeners.create(house)
    shown = fours.open_fours(house, listener)
    assert fours.open_fours(house, listener) == shown
    assert all(len({clip["clip_id"] for clip in four["clips"]}) == 4 for four in shown)
    assert {clip["seconds"] for four in shown for clip in four["clips"]} == {7.0}
    assert set(shown[0]["clips"][0]) == {"clip_id", "audio_url", "notes_url", "seconds"}  # nothing tells its origin
    one, two = (four["four_id"] for four in shown)
    with pytest.raises(NotYours):
        fours.take(house, stranger, one, "a", HEARD)
    answer = fours.take(house, listener, one, "c", HEARD)
    assert (answer["picks"], answer["open"][0]["four_id"]) == (1, two)
    assert fours.take(house, listener, one, "c", HEARD) == answer
    with pytest.raises(Contradiction, match="'c' already"):
        fours.take(house, listener, one, "d", HEARD)
    fours.take(house, listener, two, "none", HEARD)
    assert fours.take(house, listener, one, "c", HEARD)["picks"] == 1
    assert count(house, FourVote) == 2


def test_two_tabs_that_pick_at_once_store_one_pick(house, stock):
    stock("pop", 12)
    listener = listeners.create(house)
    four = first(house, listener)
    start, told = threading.Barrier(4), []

    def tab(outcome: str) -> None:
        start.wait()
        try:
            told.append(fours.take(house, listener, four, outcome, HEARD)["outcome"])
        except Contradiction:
            told.append("refused")

    tabs = [threading.Thread(target=tab, args=(outcome,)) for outcome in ("a", "a", "b", "b")]
    for each in tabs:
        each.start()
    for each in tabs:
        each.join()
    assert sorted(told) in (["a", "a", "refused", "refused"], ["b", "b", "refused", "refused"])
    assert count(house, FourVote) == 1
    assert head(house, listener).votes_seen == 1


def test_a_pick_keeps_what_was_expected_before_it_and_how_the_four_was_drawn(house, stock):
    stock("pop", 12)
    listener = listeners.create(house)
    for outcome in ("a", "a", "d", "none"):
        pick(house, listener, outcome)
    rows = house.database.transaction(
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


def test_pairs_and_fours_teach_one_head_which_is_learned_again_bit_for_bit(house, mixed):
    listener = mixed()
    stored = head(house, listener)
    assert stored.votes_seen == 6  # a pair and a four were skipped
    again = house.database.transaction(lambda s: heads.learned(s, get_listener(s, listener), house.space))
    assert again.to_columns() == stored
    assert listeners.overview(house, listener)["picks"] == 4


def test_one_goes_back_over_pairs_and_fours(house, mixed):
    listener = mixed()
    told = rewind.history(house, listener, before=99, limit=99)
    assert [each["outcome"] for each in told["votes"]][::-1] == [
        "left", "b", "neither", "none", "right", "skipped", "skipped", "d",
    ]  # fmt: skip
    heads_then = {8: head(house, listener)}
    for keep in (7, 4, 3, 1):
        assert rewind.rewind(house, listener, keep)["votes"] == keep
        assert count(house, FourVote) + count(house, Prediction) == keep
        heads_then[keep] = head(house, listener)
    assert heads_then[7].votes_seen == 5
    assert heads_then[1].votes_seen == 1
    rewind.rewind(house, listener, 0)
    assert count(house, Four) == 0


def test_a_listener_with_fours_is_exported_brought_back_and_deleted(house, mixed, another_house, tables):
    listener, other = mixed(), another_house()
    data = json.loads(json.dumps(listeners.export(house, listener)))
    assert [four["vote"] and four["vote"]["outcome"] for four in data["fours"]] == [
        "b", "none", "skipped", "d", None, None,
    ]  # fmt: skip
    back = listeners.restore(other, data)
    assert (back.votes, back.missing) == (8, 0)
    assert head(other, listener) == head(house, listener)
    mine, theirs = tables(house), tables(other)
    for name in ("fours", "four_votes", "offers", "votes"):
        assert theirs[name] == mine[name], name
    assert fours.open_fours(other, listener) == fours.open_fours(house, listener)
    listeners.delete(house, listener)
    left = house.database.transaction(
        lambda s: [s.scalar(text(f"SELECT count(*) FROM {name}")) for name in ("fours", "four_votes", "heads")]
    )
    assert left == [0, 0, 0]


def test_a_database_is_rebuilt_with_its_fours(house, mixed, another_house, tables):
    listener = mixed()
    rewind.rewind(house, listener, 6)
    pick(house, listener, "c")
    other = another_house(house.settings.home, migrated=False)
    assert rebuild.rebuild(other).problems == []
    mine, theirs = tables(house), tables(other)
    for name in ("listeners", "fours", "four_votes", "offers", "votes", "predictions", "heads"):
        assert theirs[name] == mine[name], name


def test_picks_of_four_are_in_every_table_and_report(house, mixed, tmp_path):
    listener = mixed()
    data = listeners.export(house, listener)
    rows = list(csv.DictReader(io.StringIO(takeout.fours_csv(data), newline="")))
    assert [row["outcome"] for row in rows] == ["b", "none", "skipped", "d"]
    assert all(sum(float(row[f"p_{place}"]) for place in "abcd") == pytest.approx(1) for row in rows)
    found = dataset.export(house, "default", tmp_path / "study.zip")
    assert (found.votes, found.fours) == (4, 4)
    with zipfile.ZipFile(tmp_path / "study.zip") as archive:
        named = list(csv.DictReader(io.StringIO(archive.read("fours.csv").decode(), newline="")))
        clips = {row["clip_id"] for row in csv.DictReader(io.StringIO(archive.read("clips.csv").decode(), newline=""))}
    assert [row["outcome"] for row in named] == ["b", "none", "skipped", "d"]
    assert {row[place] for row in named for place in "abcd"} <= clips
    for told in (report.of_listener(house, listener), report.of_study(house, "default")):
        metrics = told.metrics
        assert metrics["fours.none"].value == pytest.approx(1 / 3)
        assert (metrics["fours.accuracy"].n, metrics["fours.accuracy"].chance) == (2, 0.25)
        chances = [float(row[f"p_{row['outcome']}"]) for row in rows if row["outcome"] in "abcd"]
        assert metrics["fours.log_loss"].value == pytest.approx(-np.log(chances).mean())
        assert metrics["fours.first_place"].value == 0


def test_a_damaged_pick_in_an_export_is_refused(house, mixed, another_house):
    data = json.loads(json.dumps(listeners.export(house, mixed())))
    data["fours"][0]["vote"]["four_id"] = data["fours"][1]["id"]
    with pytest.raises(ValueError, match="does not belong to"):
        listeners.restore(another_house(), data)


def test_what_was_heard_in_a_four_is_met(house, mixed):
    listener = mixed()
    clips = house.database.transaction(lambda s: s.scalars(select(Clip.id)).all())
    shown = {clip["clip_id"] for four in fours.open_fours(house, listener) for clip in four["clips"]}
    met = house.database.transaction(lambda s: met_among(s, listener, clips))
    assert shown <= met
    assert house.database.transaction(lambda s: met_among(s, listeners.create(house), clips)) == set()


def test_picks_of_four_bring_clips_composed_for_the_listener_too(house, stock):
    stock("pop", 16)
    listener = listeners.create(house)
    for outcome in ("a", "b", "c", "none"):
        assert count(house, Job, Job.kind == compose.KIND) == 0
        pick(house, listener, outcome)
    pick(house, listener, "d")
    assert count(house, Job, Job.kind == compose.KIND) == 1


def test_with_less_than_four_clips_there_is_nothing_to_pick_from_yet(house, stock):
    stock("pop", 3)
    listener = listeners.create(house)
    with pytest.raises(NotReady):
        fours.open_fours(house, listener)
    stock("pop", 1)
    house.pool._kept.clear()
    (only,) = fours.open_fours(house, listener)
    assert fours.take(house, listener, only["four_id"], "a", HEARD)["open"] == []
