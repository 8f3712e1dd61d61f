from __future__ import annotations

import os
import time
import uuid

import pytest

from webapp.runtime import listener_files
from webapp.runtime.errors import NotReady
from webapp.runtime.listener_files import KEPT_S, Downloads


def test_files_of_a_listener_go_with_them_and_nobody_elses(tmp_path):
    downloads, mine, theirs = Downloads(tmp_path), uuid.uuid4(), uuid.uuid4()
    paths = [downloads.write(mine, "a.mid", b"1"), downloads.write(mine, "a.mid", b"2")]
    other = downloads.write(theirs, "a.mid", b"3")
    assert paths[0] != paths[1]
    assert str(mine) not in str(paths[0])
    downloads.forget(mine)
    assert not any(path.exists() for path in paths)
    assert other.read_bytes() == b"3"
    downloads.forget(mine)


def test_an_upload_is_read_once_and_only_from_the_folder(tmp_path):
    downloads = Downloads(tmp_path / "home")
    (tmp_path / "secret").write_text("secret")
    downloads.home.mkdir(parents=True)
    (downloads.home / "link").symlink_to(tmp_path / "secret")
    for path in (tmp_path / "secret", downloads.home / ".." / ".." / ".." / "secret", downloads.home / "link"):
        with pytest.raises(ValueError, match="not uploaded"):
            downloads.take_upload(str(path), 100)
    assert (tmp_path / "secret").exists()
    for size in (100, 101):
        upload = downloads.home / "upload.zip"
        upload.write_bytes(b"x" * size)
        if size == 100:
            assert len(downloads.take_upload(str(upload), 100)) == 100
        else:
            with pytest.raises(ValueError, match="too large"):
                downloads.take_upload(str(upload), 100)
        assert not upload.exists()


def test_what_an_earlier_process_left_is_cleared_once_it_is_old(tmp_path):
    downloads = Downloads(tmp_path)
    path = downloads.write(uuid.uuid4(), "a.mid", b"1")
    downloads.clear()
    assert path.exists()
    old = time.time() - KEPT_S - 1
    os.utime(path.parent.parent, (old, old))
    downloads.clear()
    assert not path.exists()


def test_the_oldest_files_of_a_listener_go_and_a_full_folder_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(listener_files, "MOST_OF_ONE", 10)
    monkeypatch.setattr(listener_files, "FOLDER_BYTES", 18)
    downloads, mine, theirs = Downloads(tmp_path), uuid.uuid4(), uuid.uuid4()
    first, second = (downloads.write(mine, "a.mid", b"12345") for _ in range(2))
    os.utime(first, (1, 1))
    third = downloads.write(mine, "a.mid", b"12345")
    assert [each.exists() for each in (first, second, third)] == [False, True, True]
    with pytest.raises(NotReady, match="no room"):
        downloads.write(theirs, "a.mid", b"123456789")
    assert downloads.write(theirs, "a.mid", b"12345").exists()
