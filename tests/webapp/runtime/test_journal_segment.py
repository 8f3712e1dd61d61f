from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.runtime.journal_segment import DamagedSegmentError, Entry, Segment


def rows(*offers: str, domain: str = "pop", clips: tuple[str, ...] = ()) -> dict:
    return {
        "listener": {"id": "me", "domain": domain},
        "offers": [{"id": name, "by": domain} for name in offers],
        "clips": [{"id": name} for name in clips],
    }


@pytest.fixture
def segment(tmp_path):
    segment = Segment(tmp_path / "journal" / "me.jsonl")
    segment.append(Entry(1, whole=True, data=rows("a") | {"studies": []}))
    return segment


def test_later_rows_replace_earlier_ones_and_new_ones_follow(segment):
    segment.append(Entry(2, whole=False, data=rows("a", "b", domain="dance", clips=("c",))))
    number, state = segment.state()
    assert number == segment.last_number() == 2
    assert state["listener"]["domain"] == "dance"
    assert state["offers"] == [{"id": "a", "by": "dance"}, {"id": "b", "by": "dance"}]
    assert state["clips"] == [{"id": "c"}]


def test_of_two_entries_with_one_number_the_later_counts(segment):
    segment.append(Entry(2, whole=False, data=rows("never committed")))
    segment.append(Entry(2, whole=False, data=rows("b")))
    segment.append(Entry(3, whole=False, data=rows("c")))
    assert [offer["id"] for offer in segment.state()[1]["offers"]] == ["a", "b", "c"]


def test_a_whole_entry_that_was_never_committed_takes_nothing_with_it(segment):
    segment.append(Entry(2, whole=True, data=rows("x") | {"studies": []}))
    segment.append(Entry(2, whole=False, data=rows("b")))
    assert [offer["id"] for offer in segment.state()[1]["offers"]] == ["a", "b"]


def test_a_missing_entry_is_told_and_a_whole_one_after_it_heals(segment):
    segment.append(Entry(4, whole=False, data=rows("d")))
    with pytest.raises(DamagedSegmentError, match="lines 2 to 3"):
        segment.state()
    segment.append(Entry(5, whole=True, data=rows("a", "b", "c", "d") | {"studies": []}))
    assert len(segment.state()[1]["offers"]) == 4


@settings(deadline=None)  # every example waits for a disk
@given(st.integers(1, 400), st.binary(max_size=40))
def test_a_torn_end_is_cut_off_by_the_next_entry(tmp_path_factory, cut, garbage):
    segment = Segment(tmp_path_factory.mktemp("torn") / "me.jsonl")
    segment.append(Entry(1, whole=True, data=rows("a") | {"studies": []}))
    whole = segment.path.read_bytes()
    segment.append(Entry(2, whole=False, data=rows("b" * 400)))
    segment.path.write_bytes(segment.path.read_bytes()[:-cut] + garbage.replace(b"\n", b""))
    assert segment.last_number() == 1
    assert segment.state()[0] == 1
    segment.append(Entry(2, whole=False, data=rows("c")))
    assert segment.path.read_bytes().startswith(whole)
    assert [offer["id"] for offer in segment.state()[1]["offers"]] == ["a", "c"]
    assert all(json.loads(line) for line in segment.path.read_bytes().splitlines())


def test_long_entries_are_found_from_the_end(segment):
    segment.append(Entry(2, whole=False, data=rows("b" * 300_000)))
    segment.append(Entry(3, whole=False, data=rows("c" * 70_000)))
    assert segment.last_number() == 3


def test_what_no_longer_counts_can_be_dropped(segment):
    segment.append(Entry(2, whole=False, data=rows("secret")))
    segment.append(Entry(3, whole=True, data=rows("a") | {"studies": []}))
    segment.append(Entry(4, whole=False, data=rows("b")))
    before = segment.state()
    segment.forget_the_past()
    assert segment.state() == before
    assert b"secret" not in segment.path.read_bytes()
    assert [path.name for path in segment.path.parent.iterdir()] == ["me.jsonl"]


def test_removing_leaves_nothing_not_even_a_draft(segment):
    segment.path.with_suffix(".draft").write_bytes(b"half")
    segment.remove()
    segment.remove()
    assert list(segment.path.parent.iterdir()) == []
    assert segment.last_number() is None


def test_only_its_owner_may_read_it(segment):
    assert segment.path.stat().st_mode & 0o777 == 0o600
    assert segment.path.parent.stat().st_mode & 0o777 == 0o700


def test_a_file_that_tells_nothing_is_damaged(tmp_path):
    for text in (b"", b"\x00" * 90_000, b"not json\n", b'{"n": "x"}\n', b"[]\n"):
        segment = Segment(tmp_path / "me.jsonl")
        segment.path.write_bytes(text)
        assert segment.last_number() is None
        with pytest.raises(DamagedSegmentError, match="no entry"):
            segment.state()
