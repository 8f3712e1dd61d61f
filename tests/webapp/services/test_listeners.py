from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from db.queries.restore import NotAnExportError
from webapp.__main__ import main
from webapp.services import composing, listeners, offers, taste, votes
from webapp.services.problems import UnknownListenerError


def live(house, picks: int = 5):
    """A listener with votes, a head and clips of their own."""
    listener = listeners.create(house)
    for _ in range(picks):
        votes.take(house, listener, offers.open_offers(house, listener)[0]["offer_id"], "left", (2000, 2100))
    composing.compose_for(house, listener, "pop", seed=listener.int % 2**40)
    votes.take(house, listener, offers.open_offers(house, listener)[0]["offer_id"], "right", (2000, 2100))
    return listener


def everything(house) -> str:
    """Every row of every table as text."""

    def read(session):
        tables = session.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
        ).all()
        return {table: session.scalars(text(f'SELECT t::text FROM "{table}" t')).all() for table in tables}

    return json.dumps(house.database.transaction(read))


def test_nothing_of_a_deleted_listener_is_left_in_database_or_store(house, stock):
    stock("pop", 16)
    other = live(house)
    before = (everything(house), house.store.keys())
    listener = live(house)
    assert str(listener) in everything(house)
    assert len(house.store.keys()) > len(before[1])
    listeners.delete(house, listener)
    assert (everything(house), house.store.keys()) == before
    assert listeners.exists(house, other)
    with pytest.raises(UnknownListenerError):
        listeners.delete(house, listener)
    with pytest.raises(UnknownListenerError):
        listeners.export(house, listener)


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


def test_an_exported_listener_comes_back_whole(house, stock):
    stock("pop", 16)
    listener = live(house)
    exported = json.loads(json.dumps(listeners.export(house, listener)))
    overview, seen = taste.overview(house, listener), listeners.overview(house, listener)
    with pytest.raises(NotAnExportError, match="already"):
        listeners.restore(house, exported)
    listeners.delete(house, listener)
    back = listeners.restore(house, exported)
    assert (back.listener_id, back.votes, back.missing) == (listener, 6, 0)
    assert taste.overview(house, listener) == overview
    assert listeners.overview(house, listener) == seen
    again = listeners.export(house, listener)
    assert {**again, "jobs": []} == {**exported, "jobs": []}


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


def test_the_command_exports_imports_and_deletes(house, stock, command, tmp_path, capsys):
    stock("pop", 8)
    listener = live(house, 2)
    file = tmp_path / "me.json"
    assert command(["listener", "export", str(listener), "--out", str(file)]) == 0
    assert command(["listener", "delete", str(listener)]) == 0
    assert command(["listener", "export", str(listener)]) == 1
    assert "no listener" in capsys.readouterr().err
    assert command(["listener", "import", str(file)]) == 0
    assert "3 votes" in capsys.readouterr().out
    assert listeners.exists(house, listener)
