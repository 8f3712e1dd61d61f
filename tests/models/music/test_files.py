"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.music.files import OWNER, replacing


def test_a_file_is_replaced_by_what_was_written_or_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "kept.txt"
    for lasting in (False, True):
        with replacing(path, lasting=lasting) as part:
            part.write_text(f"whole {lasting}")
            assert part.parent == tmp_path  # a rename across disks is none
        assert path.read_text() == f"whole {lasting}"
    with pytest.raises(TypeError), replacing(path) as part, part.open("w") as file:
        file.write(b"half")  # type: ignore[arg-type]
    assert path.read_text() == "whole True"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_removed_after_a_day(tmp_path: Path) -> None:
    path = tmp_path / "state[1].bin"
    left, under_way, another = (tmp_path / f"{name}.1.ab.part" for name in (path.name, f"{path.name}.2", "other"))
    for each in (path, left, under_way, another):
        each.touch()
    for each in (left, another):
        os.utime(each, (0, 0))
    with replacing(path) as part:
        part.touch()
    assert {*tmp_path.iterdir()} == {path, under_way, another}


def test_a_file_of_its_owner_is_nobody_elses_while_it_is_written(tmp_path: Path) -> None:
    with replacing(tmp_path / "secret", mode=OWNER) as part:
        part.write_text("words")
        assert part.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
