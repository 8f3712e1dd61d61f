from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from db.queries.composed import add_piece, brought_pieces, count_recent, get_piece, link, linked_piece, thin_out
from db.queries.export import export_listener
from db.queries.listeners import create_listener, delete_listener
from db.queries.restore import restore_listener
from db.tables import Listener, StudioPiece

RECIPE = {"content": f"clips/{uuid4()}", "styles": {}, "seed": 1}


@pytest.fixture
def make_piece(session: Session, listener: Listener) -> Callable[..., StudioPiece]:
    def make(listener_id=listener.id, **changes) -> StudioPiece:
        values = {"domain": "pop", "title": "", "recipe": RECIPE, "notes": {}, "latents": {}, "model_version": "v1"}
        return add_piece(session, listener_id, **(values | changes))

    return make


def test_a_link_is_made_once_and_opens_its_piece(session, make_piece):
    piece, other = make_piece(), make_piece()
    key = link(session, piece)
    assert link(session, piece) == key != link(session, other)
    assert linked_piece(session, key) is piece
    assert linked_piece(session, "guessed") is None
    assert get_piece(session, piece.id) is piece
    assert get_piece(session, uuid4()) is None


def test_what_was_brought_is_told_from_what_was_composed(session, listener, make_piece):
    make_piece()
    first, second = make_piece(recipe={}), make_piece(recipe={})
    make_piece(create_listener(session).id, recipe={})
    assert brought_pieces(session, listener.id, 5) == [second, first]
    assert brought_pieces(session, listener.id, 1) == [second]


def test_recent_pieces_are_counted_for_one_listener(session, listener, make_piece):
    make_piece()
    make_piece(create_listener(session).id)
    assert count_recent(session, listener.id, timedelta(minutes=1)) == 1
    assert count_recent(session, listener.id, timedelta(0)) == 0


def test_the_newest_pieces_and_those_with_a_link_stay(session, listener, make_piece):
    linked, old, *new = (make_piece() for _ in range(4))
    theirs = make_piece(create_listener(session).id)
    link(session, linked)
    assert len(thin_out(session, listener.id, 2)) == 1
    kept = [each for each in (linked, old, *new, theirs) if session.get(StudioPiece, each.id, populate_existing=True)]
    assert kept == [linked, *new, theirs]


def test_a_studio_leaves_and_comes_back_with_its_listener(session, listener, make_piece):
    link(session, make_piece(title="The Test Jig"))
    session.expire_all()
    exported = export_listener(session, listener.id)
    assert [each["title"] for each in exported["studio"]] == ["The Test Jig"]
    delete_listener(session, listener.id)
    assert linked_piece(session, exported["studio"][0]["link_key"]) is None
    restore_listener(session, exported)
    assert export_listener(session, listener.id)["studio"] == exported["studio"]
