from __future__ import annotations

import json
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy import inspect
from sqlalchemy.orm import Session

from db.queries.clips import add_audio
from db.queries.export import export_listener
from db.queries.heads import load_head, save_head
from db.queries.jobs import enqueue
from db.queries.listeners import create_listener, delete_listener, get_listener
from db.queries.restore import NotAnExportError, restore_listener
from db.queries.votes import Expected, store_vote, votes_of
from db.tables import Clip, Listener, Offer

EXPECTED = Expected(p_left=0.5, p_equal=0.2, p_right=0.3, head_version="v1", votes_seen=0)


@pytest.fixture
def used(
    session: Session, listener: Listener, make_offer: Callable[..., Offer], make_clip: Callable[..., UUID]
) -> UUID:
    """A listener with an own clip, two offers, a vote, a head and a job."""
    own = make_clip(composed_for=listener.id)
    first, _open = make_offer(left_clip=own), make_offer()
    store_vote(session, first, outcome="right", expected=EXPECTED, left_ms=2500, right_ms=4000, model_version="v1")
    save_head(
        session, listener.id, model_version="v1", mean=bytes(16), covariance=bytes(32), lapses=1.0, attentive=9.0,
        votes_seen=1,
    )  # fmt: skip
    enqueue(session, "compose", {"for": str(listener.id)}, listener_id=listener.id)
    return listener.id


IN_NO_FILE = {"journal_entries", "link_id", "music_picks", "picture_picks"}


def test_a_new_listener_has_an_id_and_nothing_that_names_them(session: Session) -> None:
    listener = create_listener(session, domain="dance")
    assert get_listener(session, listener.id) is listener
    columns = {attribute.key for attribute in inspect(Listener).column_attrs}
    about_them = {"id", "domain", "study_id", "condition", "brought", "created_at"}
    about_them |= {"population_id", "picture_population_id"}
    assert columns == about_them | {*IN_NO_FILE, "token_generation", "plays_tell"}


def test_an_export_is_json_and_holds_everything(session: Session, used: UUID) -> None:
    export = export_listener(session, used)
    assert export is not None
    assert json.loads(json.dumps(export)) == export
    assert export["listener"]["id"] == str(used)
    voted, still_open = export["offers"]
    assert voted["vote"]["outcome"] == "right"
    assert voted["prediction"]["p_left"] == 0.5
    assert (voted["listening"]["left_ms"], voted["listening"]["right_ms"]) == (2500, 4000)
    assert still_open["vote"] is still_open["prediction"] is still_open["listening"] is None
    assert [len(head["covariance"]) for head in export["heads"]] == [4]
    assert [clip["composed_for"] for clip in export["clips"]] == [str(used), None, None, None]
    assert [len(clip["audio"]) for clip in export["clips"]] == [1, 1, 1, 1]
    assert [job["kind"] for job in export["jobs"]] == ["compose"]
    assert export_listener(session, uuid4()) is None


def test_who_was_exported_and_deleted_comes_back_the_same(session: Session, used: UUID) -> None:
    before = export_listener(session, used)
    assert before is not None
    delete_listener(session, used)
    assert export_listener(session, used) is None
    restored = restore_listener(session, json.loads(json.dumps(before)))
    assert (restored.listener_id, restored.offers, restored.votes, restored.missing) == (used, 2, 1, 0)
    after = export_listener(session, used)
    assert after is not None
    assert after | {"jobs": []} == before | {"jobs": []}
    assert [vote.outcome for vote in votes_of(session, used)] == ["right"]
    assert load_head(session, used, "v1") is not None


def test_an_export_is_brought_back_only_where_it_is_whole_and_new(session: Session, used: UUID) -> None:
    export = export_listener(session, used)
    assert export is not None
    with pytest.raises(NotAnExportError, match="is here already"):
        restore_listener(session, export)
    delete_listener(session, used)
    foreign = json.loads(json.dumps(export))
    foreign["offers"][0]["listener_id"] = str(create_listener(session).id)
    numbered = json.loads(json.dumps(export))
    numbered["clips"][0] |= {"content_hash": 5, "composed_for": None}
    for damaged, told in [
        ({}, "no export"),
        ([], "no export"),
        (export | {"listener": {"id": "?"}}, "damaged"),
        (export | {"offers": [{}]}, "damaged"),
        (foreign, "belongs to"),
        (numbered, "of another kind than its column"),
    ]:
        with pytest.raises(NotAnExportError, match=told), session.begin_nested():
            restore_listener(session, damaged, untrusted=True)  # type: ignore[arg-type]
    assert get_listener(session, used) is None


def test_a_deleted_listener_leaves_only_sound_that_others_use(
    session: Session, used: UUID, make_clip: Callable[..., UUID]
) -> None:
    own, shared = make_clip(composed_for=used, seconds=()), make_clip(seconds=())
    sound = {"seconds": 7.0, "size_bytes": 9, "lufs": -18.0, "true_peak_db": -2.0}
    for clip, names in [(own, ("a", "b")), (shared, ("b",))]:
        for length, name in enumerate(names, start=7):
            add_audio(session, clip, **(sound | {"seconds": float(length)}), sha256=name * 64, uri=f"{name}.mp3")
    gone = delete_listener(session, used)
    assert gone is not None
    assert "a.mp3" in gone
    assert "b.mp3" not in gone
    assert len(gone) == 2  # the clip of the fixture had a sound of its own
    assert session.get(Clip, own) is None
    assert session.get(Clip, shared) is not None
    assert delete_listener(session, used) is None
