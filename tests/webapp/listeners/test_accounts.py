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
from webapp.composing import wishes
from webapp.composing.clip_maker import Order
from webapp.learning import heads, refits
from webapp.listeners import accounts, archive
from webapp.listeners.accounts import delete
from webapp.listeners.archive import export
from webapp.listeners.restore import bring, restore
from webapp.listening import sound
from webapp.runtime.errors import Contradiction, NotAllowed, NotReady, UnknownListenerError
from webapp.runtime.logs import set_up_logging
from webapp.sharing import taste_cards
from webapp.taste import overview as taste


def traces(context, *names: str) -> list[str]:
    """Where any of the names stands: in a row of any table (bytes are text in hexadecimal), in any file of the home
    or of the store, by its name or in it, as text or as raw bytes.
    """

    def rows(session):
        tables = session.scalars(text("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables")).all()
        return {table: session.scalars(text(f"SELECT t::text FROM {table} t")).all() for table in tables}

    ours = {table: told for table, told in context.database.transaction(rows).items() if table.startswith("public.")}
    assert {f"public.{table}" for table in Base.metadata.tables} <= set(ours)
    found = [f"{table}: {name}" for table, told in ours.items() for name in names if any(name in row for row in told)]
    for path in [context.settings.home, *context.settings.home.rglob("*")]:
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


@pytest.mark.slow
def test_nothing_of_a_deleted_listener_is_left_in_database_store_or_home(context, live, logged, tables):
    other = live(4)
    before = (tables(context), context.clip_store.keys())
    listener = live(7)
    own = stocked(context, listener)
    context.database.transaction(lambda s: wishes.enqueue(s, listener_rows.get_listener(s, listener), 3))
    about_all = context.database.transaction(lambda s: jobs.enqueue(s, "refit_heads", {}))
    failed = update(Job).where(Job.id == about_all).values(error=f"ValueError: the head of {listener} is broken")
    context.database.transaction(lambda s: s.execute(failed))
    exported = export(context.database, listener)
    shared = taste_cards.share(context.database, context.journal, context.space, context.playable, listener)
    names = [
        shared.key,
        str(shared.id),
        str(listener),
        listener.hex,
        *own,
        *(offer["id"] for offer in exported["offers"]),
    ]
    names += [sound["sha256"] for clip in exported["clips"] if clip["composed_for"] for sound in clip["audio"]]
    assert len(traces(context, *names)) > 20
    delete(context.records, listener)
    left = traces(context, *names)
    # a log line names an offer, which without its row and its listener is a number that says nothing
    assert [line for line in left if "web.log" not in line] == []
    assert not any(str(listener) in line or listener.hex in line for line in left)
    # the pool has met nobody, and whoever else is here is whole
    assert (tables(context), context.clip_store.keys()) == before
    assert accounts.exists(context.database, other)
    told = context.database.transaction(lambda s: s.get(Job, about_all)).error
    assert told == "ValueError: the head of a deleted listener is broken"
    assert "listener_deleted" in logged.read_text()
    with pytest.raises(UnknownListenerError):
        delete(context.records, listener)
    with pytest.raises(UnknownListenerError):
        export(context.database, listener)


def stocked(context, listener) -> list[str]:
    """Ids and hashes of the clips composed for a listener."""
    query = select(Clip.id, Clip.content_hash).where(Clip.composed_for == listener)
    return [str(name) for row in context.database.transaction(lambda s: s.execute(query).all()) for name in row]


@pytest.mark.slow
def test_sound_that_somebody_else_uses_too_stays(context, stock):
    stock("pop", 8)
    one, two = accounts.create(context.database), accounts.create(context.database)
    for listener in (one, two):
        context.clip_maker.make([Order("pop", 77, owner=listener)])  # the same seed, the same clip
    keys = context.clip_store.keys()
    delete(context.records, one)
    assert context.clip_store.keys() == keys
    delete(context.records, two)
    assert len(context.clip_store.keys()) < len(keys)


def test_an_exported_listener_comes_back_whole(context, live):
    listener = live(5)
    exported = json.loads(json.dumps(export(context.database, listener)))
    overview, seen = (
        taste.overview(context.database, context.playable, listener),
        accounts.account(context.database, listener),
    )
    with pytest.raises(NotAnExportError, match="already"):
        restore(context.database, context.journal, exported)
    delete(context.records, listener)
    back = restore(context.database, context.journal, exported)
    assert (back.listener_id, back.votes, back.missing) == (listener, 6, 0)
    assert taste.overview(context.database, context.playable, listener) == overview
    assert accounts.account(context.database, listener) == seen
    assert {**export(context.database, listener), "jobs": []} == {**exported, "jobs": []}


@pytest.mark.slow
def test_an_export_is_the_same_after_it_was_imported_into_another_database(context, stock, another_context):
    stock("pop", 20)
    stock("dance", 8)
    other = another_context()

    @hypothesis.settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(st.tuples(st.sampled_from(OUTCOMES), st.integers(0, 10**6)), max_size=8),
        st.sampled_from(["pop", "dance"]),
        st.booleans(),
    )
    def there_and_back(given_votes, domain, composed):
        listener = accounts.create(context.database)
        accounts.change_domain(context.database, context.journal, listener, domain)
        if composed:
            stock(domain, 1, composed_for=listener)
        for outcome, heard in given_votes:
            offer = context.pairs.open(listener)[0].id
            context.pairs.record_vote(listener, offer, outcome, (heard, heard // 2))
        exported = export(context.database, listener) | {"jobs": []}
        back = restore(other.database, other.journal, archive.unpack(archive.pack(exported, context.clip_store)))
        assert (back.votes, back.missing) == (len(given_votes), 0)
        again = export(other.database, listener)
        assert again | {"studies": []} == exported | {"studies": []}
        for place in (context, other):  # the head comes from the votes alone
            place.database.transaction(lambda s: delete_heads(s, listener))
            place.database.transaction(lambda s, place=place: refits.refit(s, place.spaces, listener))
        mine, theirs = (
            place.database.transaction(lambda s: heads.load(s, listener, context.space)) for place in (context, other)
        )
        assert mine.mean.tolist() == theirs.mean.tolist()
        assert mine.covariance.tolist() == theirs.covariance.tolist()

    there_and_back()
    # nobody else there is offered what came along
    for domain in ("pop", "dance"):
        assert other.database.transaction(lambda s, name=domain: count_pool(s, domain=name)) == 0


def test_an_older_export_comes_back_and_its_head_is_learned_from_the_votes(context, live, another_context):
    listener, other = live(5), another_context()
    data = export(context.database, listener)
    del data["population"], data["listener"]["population_id"]
    for audio in (audio for clip in data["clips"] for audio in clip["audio"]):
        del audio["playing"]
    older = data | {"kallos_listener": 2, "heads": [{"tie": -0.9}]}
    assert restore(other.database, other.journal, json.loads(json.dumps(older))).votes == 6
    mine, theirs = (
        place.database.transaction(lambda s: heads.load(s, listener, context.space)) for place in (context, other)
    )
    assert mine.to_columns() == theirs.to_columns()


@pytest.mark.slow
def test_pieces_of_another_installation_are_for_their_listener_alone(context, live, another_context):
    listener = live(3)
    other = another_context()
    restore(other.database, other.journal, export(context.database, listener))
    clips = other.database.transaction(lambda s: s.execute(select(Clip.retired, Clip.composed_for)).all())
    assert {(retired, owner) for retired, owner in clips} == {(True, None), (False, listener)}
    with pytest.raises(NotReady):
        other.pairs.open(accounts.create(other.database))
    assert other.pairs.open(listener) == context.pairs.open(listener)


def test_the_same_piece_under_another_id_is_not_stored_twice(context, live, another_context):
    listener = live(3)
    exported = export(context.database, listener)
    other = another_context()
    restore(other.database, other.journal, exported)
    text_ = json.dumps(exported)
    for clip in exported["clips"]:
        text_ = text_.replace(clip["id"], str(uuid.uuid4()))
    for offer in exported["offers"]:
        text_ = text_.replace(offer["id"], str(uuid.uuid4()))
    twin = uuid.uuid4()
    before = len(exported["clips"])
    back = restore(other.database, other.journal, json.loads(text_.replace(str(listener), str(twin))))
    assert (back.listener_id, back.votes, back.missing) == (twin, 4, 0)
    own = sum(clip["composed_for"] is not None for clip in exported["clips"])
    assert other.database.transaction(lambda s: s.scalar(select(func.count()).select_from(Clip))) == before + own


def test_sound_that_did_not_come_along_is_made_when_it_is_asked_for(context, live, another_context):
    listener = live(2)
    other = another_context()
    restore(other.database, other.journal, export(context.database, listener))
    assert other.clip_store.keys() == []
    left = other.pairs.open(listener)[0].clips[0]
    assert len(sound.audio(other.database, other.clip_store, left.clip_id, left.seconds)) > 10_000


def test_an_export_can_not_reach_for_what_is_others(context, live):
    listener, victim = live(3), live(3)
    exported = json.dumps(export(context.database, listener))
    theirs = next(clip for clip in export(context.database, victim)["clips"] if clip["composed_for"])
    delete(context.records, listener)

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
            restore(context.database, context.journal, changed(change))
    assert not accounts.exists(context.database, listener)
    assert not context.journal.segment(listener).path.exists()


@pytest.fixture
def command(settings, monkeypatch):
    """``kallos`` on the database of this test."""
    monkeypatch.setenv("KALLOS_HOME", str(settings.home))
    monkeypatch.setenv("KALLOS_DATABASE_URL", settings.database_url)
    return main


@pytest.mark.slow
@pytest.mark.parametrize("name", ["me.json", "me.zip"])
def test_the_command_exports_imports_and_deletes(context, live, command, capsys, name):
    listener = live(2)
    file = context.settings.home / name
    assert command(["listener", "export", str(listener), "--out", str(file)]) == 0
    assert command(["listener", "delete", str(listener)]) == 0
    assert command(["listener", "export", str(listener)]) == 1
    assert "no listener" in capsys.readouterr().err
    assert command(["listener", "import", str(file)]) == 0
    assert "3 votes" in capsys.readouterr().out
    assert accounts.exists(context.database, listener)
    assert command(["listener", "import", str(file)]) == 1
    assert "is here already, and nothing of theirs was changed" in capsys.readouterr().err
    file.write_bytes(b"no export")
    assert command(["listener", "import", str(file)]) == 1
    assert "give the zip or JSON file" in capsys.readouterr().err
    assert command(["listener", "export", str(listener)]) == 0
    assert json.loads(capsys.readouterr().out)["listener"]["id"] == str(listener)


def brought(context, current, data, *, replace=False):
    return bring(context.records, current, archive.pack(data, context.clip_store), replace=replace)


@pytest.mark.slow
def test_a_visitors_file_takes_the_place_of_who_was_here(context, live, another_context):
    listener, other = live(4), another_context()
    data = export(context.database, listener)
    newcomer = accounts.create(other.database)
    assert brought(other, newcomer, data) == listener
    assert not accounts.exists(other.database, newcomer)
    assert accounts.account(other.database, listener).picks == accounts.account(context.database, listener).picks
    mine, theirs = (
        one.database.transaction(lambda s, h=one: heads.load(s, listener, h.space)) for one in (context, other)
    )
    assert np.allclose(mine.joint_mean, theirs.joint_mean)  # learned again, from the same votes
    with pytest.raises(NotAllowed, match="about you"):
        brought(other, listener, data)
    with pytest.raises(NotAllowed, match="here already"):
        brought(other, None, data)


def test_votes_that_were_given_here_are_only_replaced_when_that_is_wanted(context, live):
    here, back = live(3), live(2)
    data = export(context.database, back)
    delete(context.records, back)
    with pytest.raises(Contradiction, match="4 picks"):
        brought(context, here, data)
    assert accounts.exists(context.database, here)
    brought(context, here, data, replace=True)
    assert accounts.exists(context.database, back)
    assert not accounts.exists(context.database, here)


@pytest.mark.slow
def test_a_file_that_would_reach_beyond_its_listener_is_refused(context, live, another_context):
    data, other = export(context.database, live(2)), another_context()
    far = json.loads(json.dumps(data))
    far["clips"][0]["summary"][0] = 1e9
    elsewhere = json.loads(json.dumps(data))
    elsewhere["studies"].append({**elsewhere["studies"][0], "id": "made-up"})
    for wrong, why in ((far, "lies where"), (elsewhere, "made-up"), ({}, "no export")):
        with pytest.raises(NotAllowed, match=why):
            bring(other.records, None, json.dumps(wrong).encode(), replace=False)
    assert other.database.transaction(lambda s: s.scalar(text("SELECT count(*) FROM listeners"))) == 0
