from __future__ import annotations

import json
import logging
import uuid

import hypothesis
import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from sqlalchemy import func, select, text, update

from db.queries import jobs
from db.queries import listeners as listener_rows
from db.queries.clips import count_pool
from db.queries.heads import delete_heads
from db.queries.restore import NotAnExportError
from db.tables import OUTCOMES, Base, Clip, Job
from webapp.__main__ import main
from webapp.logs import set_up_logging
from webapp.services import cards, compose, composing, heads, listeners, offers, refit, sound, takeout, taste, votes
from webapp.services.problems import Contradiction, NotAllowed, NotReady, UnknownListenerError


def traces(house, *names: str) -> list[str]:
    """Where any of the names stands: in a row of any table (bytes are text in hexadecimal), in any file of the home
    or of the store, by its name or in it, as text or as raw bytes.
    """

    def rows(session):
        tables = session.scalars(text("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables")).all()
        return {table: session.scalars(text(f"SELECT t::text FROM {table} t")).all() for table in tables}

    ours = {table: told for table, told in house.database.transaction(rows).items() if table.startswith("public.")}
    assert {f"public.{table}" for table in Base.metadata.tables} <= set(ours)
    found = [f"{table}: {name}" for table, told in ours.items() for name in names if any(name in row for row in told)]
    for path in [house.settings.home, *house.settings.home.rglob("*")]:
        held = path.read_bytes() if path.is_file() else b""
        for name in names:
            raw = bytes.fromhex(name.replace("-", "")) if len(name) in {32, 36, 64} else name.encode()
            if name in path.name or name.encode() in held or raw in held:
                found.append(f"{path}: {name}")
    return found


@pytest.fixture
def logged(settings):
    """This test's log, in the home as the web writes it."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    set_up_logging(settings.home, "web")
    yield settings.home / "logs" / "web.log"
    for handler in root.handlers:
        handler.close()
    root.handlers = before
    root.setLevel(level)


def test_nothing_of_a_deleted_listener_is_left_in_database_store_or_home(house, live, logged, tables):
    other = live(4)
    before = (tables(house), house.store.keys())
    listener = live(7)
    own = stocked(house, listener)
    house.database.transaction(lambda s: compose.enqueue(s, listener_rows.get_listener(s, listener), 3))
    about_all = house.database.transaction(lambda s: jobs.enqueue(s, "refit_heads", {}))
    failed = update(Job).where(Job.id == about_all).values(error=f"ValueError: the head of {listener} is broken")
    house.database.transaction(lambda s: s.execute(failed))
    exported = listeners.export(house, listener)
    shared = cards.share(house, listener)
    names = [
        shared.key,
        str(shared.id),
        str(listener),
        listener.hex,
        *own,
        *(offer["id"] for offer in exported["offers"]),
    ]
    names += [sound["sha256"] for clip in exported["clips"] if clip["composed_for"] for sound in clip["audio"]]
    assert len(traces(house, *names)) > 20
    listeners.delete(house, listener)
    left = traces(house, *names)
    # a log line names an offer, which without its row and its listener is a number that says nothing
    assert [line for line in left if "web.log" not in line] == []
    assert not any(str(listener) in line or listener.hex in line for line in left)
    # the pool has met nobody, and whoever else is here is whole
    assert (tables(house), house.store.keys()) == before
    assert listeners.exists(house, other)
    told = house.database.transaction(lambda s: s.get(Job, about_all)).error
    assert told == "ValueError: the head of a deleted listener is broken"
    assert "listener_deleted" in logged.read_text()
    with pytest.raises(UnknownListenerError):
        listeners.delete(house, listener)
    with pytest.raises(UnknownListenerError):
        listeners.export(house, listener)


def stocked(house, listener) -> list[str]:
    """Ids and hashes of the clips composed for a listener."""
    query = select(Clip.id, Clip.content_hash).where(Clip.composed_for == listener)
    return [str(name) for row in house.database.transaction(lambda s: s.execute(query).all()) for name in row]


def test_sound_that_somebody_else_uses_too_stays(house, stock):
    stock("pop", 8)
    one, two = listeners.create(house), listeners.create(house)
    for listener in (one, two):
        composing.compose_for(house, listener, "pop", seed=77)  # the same head, the same seed, the same clips
    keys = house.store.keys()
    listeners.delete(house, one)
    assert house.store.keys() == keys
    listeners.delete(house, two)
    assert len(house.store.keys()) < len(keys)


def test_an_exported_listener_comes_back_whole(house, live):
    listener = live(5)
    exported = json.loads(json.dumps(listeners.export(house, listener)))
    overview, seen = taste.overview(house, listener), listeners.overview(house, listener)
    with pytest.raises(NotAnExportError, match="already"):
        listeners.restore(house, exported)
    listeners.delete(house, listener)
    back = listeners.restore(house, exported)
    assert (back.listener_id, back.votes, back.missing) == (listener, 6, 0)
    assert taste.overview(house, listener) == overview
    assert listeners.overview(house, listener) == seen
    assert {**listeners.export(house, listener), "jobs": []} == {**exported, "jobs": []}


def test_an_export_is_the_same_after_it_was_imported_into_another_database(house, stock, another_house):
    stock("pop", 20)
    stock("dance", 8)
    other = another_house()

    @hypothesis.settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(st.tuples(st.sampled_from(OUTCOMES), st.integers(0, 10**6)), max_size=8),
        st.sampled_from(["pop", "dance"]),
        st.booleans(),
    )
    def there_and_back(given_votes, domain, composed):
        listener = listeners.create(house)
        listeners.change_domain(house, listener, domain)
        if composed:
            stock(domain, 1, composed_for=listener)
        for outcome, heard in given_votes:
            offer = offers.open_offers(house, listener)[0]["offer_id"]
            votes.take(house, listener, offer, outcome, (heard, heard // 2))
        exported = listeners.export(house, listener) | {"jobs": []}
        back = listeners.restore(other, takeout.unpack(takeout.pack(exported)))
        assert (back.votes, back.missing) == (len(given_votes), 0)
        again = listeners.export(other, listener)
        assert again | {"studies": []} == exported | {"studies": []}
        for place in (house, other):  # the head comes from the votes alone
            place.database.transaction(lambda s: delete_heads(s, listener))
            place.database.transaction(lambda s, place=place: refit.refit(s, place, listener))
        mine, theirs = (
            place.database.transaction(lambda s: heads.load(s, listener, house.space)) for place in (house, other)
        )
        assert mine.mean.tolist() == theirs.mean.tolist()
        assert mine.covariance.tolist() == theirs.covariance.tolist()

    there_and_back()
    # nobody else there is offered what came along
    for domain in ("pop", "dance"):
        assert other.database.transaction(lambda s, name=domain: count_pool(s, domain=name)) == 0


def test_an_older_export_comes_back_and_its_head_is_learned_from_the_votes(house, live, another_house):
    listener, other = live(5), another_house()
    data = listeners.export(house, listener)
    del data["population"], data["listener"]["population_id"]
    older = data | {"kallos_listener": 2, "heads": [{"tie": -0.9}]}
    assert listeners.restore(other, json.loads(json.dumps(older))).votes == 6
    mine, theirs = (
        place.database.transaction(lambda s: heads.load(s, listener, house.space)) for place in (house, other)
    )
    assert mine.to_columns() == theirs.to_columns()


def test_pieces_of_another_installation_are_for_their_listener_alone(house, live, another_house):
    listener = live(3)
    other = another_house()
    listeners.restore(other, listeners.export(house, listener))
    clips = other.database.transaction(lambda s: s.execute(select(Clip.retired, Clip.composed_for)).all())
    assert {(retired, owner) for retired, owner in clips} == {(True, None), (False, listener)}
    with pytest.raises(NotReady):
        offers.open_offers(other, listeners.create(other))
    assert offers.open_offers(other, listener) == offers.open_offers(house, listener)


def test_the_same_piece_under_another_id_is_not_stored_twice(house, live, another_house):
    listener = live(3)
    exported = listeners.export(house, listener)
    other = another_house()
    listeners.restore(other, exported)
    text_ = json.dumps(exported)
    for clip in exported["clips"]:
        text_ = text_.replace(clip["id"], str(uuid.uuid4()))
    for offer in exported["offers"]:
        text_ = text_.replace(offer["id"], str(uuid.uuid4()))
    twin = uuid.uuid4()
    before = len(exported["clips"])
    back = listeners.restore(other, json.loads(text_.replace(str(listener), str(twin))))
    assert (back.listener_id, back.votes, back.missing) == (twin, 4, 0)
    own = sum(clip["composed_for"] is not None for clip in exported["clips"])
    assert other.database.transaction(lambda s: s.scalar(select(func.count()).select_from(Clip))) == before + own


def test_sound_that_did_not_come_along_is_made_when_it_is_asked_for(house, live, another_house):
    listener = live(2)
    other = another_house()
    listeners.restore(other, listeners.export(house, listener))
    assert other.store.keys() == []
    left = offers.open_offers(other, listener)[0]["left"]
    assert len(sound.audio(other, left["clip_id"], left["seconds"])) > 10_000


def test_an_export_can_not_reach_for_what_is_others(house, live):
    listener, victim = live(3), live(3)
    exported = json.dumps(listeners.export(house, listener))
    theirs = next(clip for clip in listeners.export(house, victim)["clips"] if clip["composed_for"])
    listeners.delete(house, listener)

    def changed(change):
        data = json.loads(exported)
        change(data)
        return data

    def their_sound(data):
        data["clips"][0]["audio"][0]["uri"] = "somewhere/else.mp3"

    def their_clip(data):
        data["offers"][0]["left_clip"] = theirs["id"]

    def their_clip_as_everybodys(data):
        data["clips"][0] |= {"id": theirs["id"], "content_hash": "0" * 64}

    def a_clip_for_them(data):
        data["clips"][-1]["composed_for"] = str(victim)

    for change, told in [
        (their_sound, "names the sound"),
        (their_clip, "belongs to somebody else"),
        (their_clip_as_everybodys, "another piece"),
        (a_clip_for_them, "belongs to"),
    ]:
        with pytest.raises(NotAnExportError, match=told):
            listeners.restore(house, changed(change))
    assert not listeners.exists(house, listener)
    assert not house.journal.segment(listener).path.exists()


@pytest.mark.parametrize(
    "data", [{}, [], {"kallos_listener": 2}, {"kallos_listener": 1}, {"kallos_listener": 2, "listener": {}}]
)
def test_what_is_no_export_is_refused(house, data):
    with pytest.raises(NotAnExportError):
        listeners.restore(house, data)


@pytest.fixture
def command(settings, monkeypatch):
    """``kallos`` on the database of this test."""
    monkeypatch.setenv("KALLOS_HOME", str(settings.home))
    monkeypatch.setenv("KALLOS_DATABASE_URL", settings.database_url)
    return main


@pytest.mark.parametrize("name", ["me.json", "me.zip"])
def test_the_command_exports_imports_and_deletes(house, live, command, capsys, name):
    listener = live(2)
    file = house.settings.home / name
    assert command(["listener", "export", str(listener), "--out", str(file)]) == 0
    assert command(["listener", "delete", str(listener)]) == 0
    assert command(["listener", "export", str(listener)]) == 1
    assert "no listener" in capsys.readouterr().err
    assert command(["listener", "import", str(file)]) == 0
    assert "3 votes" in capsys.readouterr().out
    assert listeners.exists(house, listener)
    assert command(["listener", "import", str(file)]) == 1
    assert "is here already, and nothing of theirs was changed" in capsys.readouterr().err
    file.write_bytes(b"no export")
    assert command(["listener", "import", str(file)]) == 1
    assert "give the zip or JSON file" in capsys.readouterr().err
    assert command(["listener", "export", str(listener)]) == 0
    assert json.loads(capsys.readouterr().out)["listener"]["id"] == str(listener)


def brought(house, current, data, *, replace=False):
    return listeners.bring(house, current, takeout.pack(data), replace=replace)


def test_a_visitors_file_takes_the_place_of_who_was_here(house, live, another_house):
    listener, other = live(4), another_house()
    data = listeners.export(house, listener)
    newcomer = listeners.create(other)
    assert brought(other, newcomer, data) == listener
    assert not listeners.exists(other, newcomer)
    assert listeners.overview(other, listener)["picks"] == listeners.overview(house, listener)["picks"]
    mine, theirs = (
        one.database.transaction(lambda s, h=one: heads.load(s, listener, h.space)) for one in (house, other)
    )
    assert np.allclose(mine.joint_mean, theirs.joint_mean)  # learned again, from the same votes
    with pytest.raises(NotAllowed, match="about you"):
        brought(other, listener, data)
    with pytest.raises(NotAllowed, match="here already"):
        brought(other, None, data)


def test_votes_that_were_given_here_are_only_replaced_when_that_is_wanted(house, live):
    here, back = live(3), live(2)
    data = listeners.export(house, back)
    listeners.delete(house, back)
    with pytest.raises(Contradiction, match="4 picks"):
        brought(house, here, data)
    assert listeners.exists(house, here)
    brought(house, here, data, replace=True)
    assert listeners.exists(house, back)
    assert not listeners.exists(house, here)


def test_a_file_that_would_reach_beyond_its_listener_is_refused(house, live, another_house):
    data, other = listeners.export(house, live(2)), another_house()
    far = json.loads(json.dumps(data))
    far["clips"][0]["summary"][0] = 1e9
    elsewhere = json.loads(json.dumps(data))
    elsewhere["studies"].append({**elsewhere["studies"][0], "id": "made-up"})
    for wrong, why in ((far, "lies where"), (elsewhere, "made-up"), ({}, "no export")):
        with pytest.raises(NotAllowed, match=why):
            listeners.bring(other, None, json.dumps(wrong).encode(), replace=False)
    assert other.database.transaction(lambda s: s.scalar(text("SELECT count(*) FROM listeners"))) == 0
