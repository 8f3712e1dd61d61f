from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from webapp.runtime.clip_store import ClipMissingError, ClipStore


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ClipStore:
    return ClipStore(str(tmp_path / "the clips") if request.param == "folder" else f"memory://{tmp_path}")


def test_what_was_put_comes_back_under_its_hash(store: ClipStore) -> None:
    stored = store.put(b"sound", ".mp3")
    assert store.get(stored.key) == b"sound"
    assert stored.sha256 in stored.key
    assert store.keys() == [stored.key]


def test_the_same_bytes_are_one_file_however_many_write_them(store: ClipStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = {stored.key for stored in pool.map(lambda _: store.put(b"x" * 100_000, ".mp3"), range(32))}
    assert store.keys() == sorted(keys)
    assert len(keys) == 1


def test_a_torn_file_is_written_again(tmp_path: Path) -> None:
    store = ClipStore(str(tmp_path))
    stored = store.put(b"whole", ".mp3")
    (tmp_path / stored.key).write_bytes(b"wh")
    assert store.get(store.put(b"whole", ".mp3").key) == b"whole"


def test_a_file_that_was_cut_off_is_missing_and_never_sounds(tmp_path: Path) -> None:
    store = ClipStore(str(tmp_path))
    stored = store.put(b"whole", ".mp3")
    for damaged in (b"wh", b"", b"WHOLE"):
        (tmp_path / stored.key).write_bytes(damaged)
        with pytest.raises(ClipMissingError):
            store.get(stored.key)
        assert store.get(store.put(b"whole", ".mp3").key) == b"whole"


def test_a_missing_file_is_a_clear_error(store: ClipStore) -> None:
    stored = store.put(b"sound", ".mp3")
    assert store.delete(stored.key)
    assert not store.delete(stored.key)
    with pytest.raises(ClipMissingError, match="rendered again"):
        store.get(stored.key)


def test_no_key_leads_out_of_the_store(store: ClipStore) -> None:
    for key in ("../secret", "/etc/passwd", "ab/../../x"):
        with pytest.raises(ValueError, match="no key"):
            store.get(key)
