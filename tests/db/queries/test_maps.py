from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from db.queries import jobs
from db.queries.research import add_map, find_map, get_map, newest_maps

MAP = {
    "kind": "tunes",
    "model_version": "v1",
    "data_hash": "abc",
    "seed": 0,
    "points": 9,
    "uri": "a",
    "about": {"k": 1},
}


def test_a_map_drawn_again_is_the_same_one_with_a_new_file(session):
    first = add_map(session, **MAP)
    again = add_map(session, **MAP | {"uri": "b"})
    other = add_map(session, **MAP | {"seed": 1})
    assert first == again != other
    session.expire_all()
    assert get_map(session, first).uri == "b"
    same = {name: MAP[name] for name in ("kind", "model_version", "data_hash", "seed")}
    assert find_map(session, **same).id == first
    assert find_map(session, **same | {"data_hash": "other"}) is None


def test_the_newest_map_of_each_kind_is_found(session):
    add_map(session, **MAP)
    newer = add_map(session, **MAP | {"data_hash": "new"})
    titles = add_map(session, **MAP | {"kind": "titles"})
    assert {kind: row.id for kind, row in newest_maps(session).items()} == {"tunes": newer, "titles": titles}
    add_map(session, **MAP | {"model_version": "v2"})
    assert newest_maps(session, "v1")["tunes"].id == newer
    assert newest_maps(session, "v3") == {}


@pytest.mark.parametrize("change", [{"kind": "moods"}, {"points": 0}, {"seed": -1}])
def test_a_map_that_cannot_be_is_refused(session, change):
    with pytest.raises(IntegrityError):
        add_map(session, **MAP | change)


def test_a_running_job_tells_how_far_it_is_and_only_its_holder_may(session):
    jobs.enqueue(session, "draw_map", {}, dedupe_key="draw_map:tunes")
    job = jobs.take_job(session, ["draw_map"])
    assert jobs.tell_progress(session, job, {"stage": "drawing", "share": 0.5})
    assert jobs.newest_of(session, "draw_map:tunes").result == {"stage": "drawing", "share": 0.5}
    jobs.finish_job(session, job, {"points": 9})
    assert not jobs.tell_progress(session, job, {"share": 0.9})
    assert jobs.newest_of(session, "draw_map:tunes").result == {"points": 9}
    assert jobs.newest_of(session, "draw_map:titles") is None
