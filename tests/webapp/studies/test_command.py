from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from db.queries.listening_studies import count_studies
from webapp.__main__ import main
from webapp.studies import studies

pytestmark = pytest.mark.slow

DESIGN = """
title = "High or low?"
seconds = 3
[pairs]
per_participant = 4
[[before]]
text = "Do you play?"
kind = "choice"
answers = ["yes", "no"]
"""


def run(monkeypatch, alone, *words: str) -> int:
    for name in ("home", "database_url", "secret"):
        monkeypatch.setenv(f"KALLOS_{name.upper()}", str(getattr(alone.settings, name)))
    return main(["study", *words])


def test_a_study_is_made_opened_and_its_results_are_written(
    alone, packed: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    design = tmp_path / "design.toml"
    design.write_text(DESIGN, encoding="utf-8")
    assert run(monkeypatch, alone, "create", str(design), "--clips", str(packed), "--open") == 0
    printed = capsys.readouterr().out
    key = printed.partition("studies?key=")[2].splitlines()[0]
    found = studies.overview(alone.database, key)
    assert (found.state, len(found.clips), found.design.pairs.per_participant) == ("open", 6, 4)
    assert run(monkeypatch, alone, "results", key, "--out", str(tmp_path / "out")) == 0
    assert "Nobody has finished yet" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_wrong_design_is_told_by_its_value(alone, tmp_path: Path, monkeypatch, capsys) -> None:
    design = tmp_path / "design.json"
    design.write_text('{"title": "A", "pairs": {"per_participant": 0}, "colour": "red"}', encoding="utf-8")
    assert run(monkeypatch, alone, "create", str(design)) == 1
    said = capsys.readouterr().err
    assert "pairs.per_participant" in said
    assert "colour" in said


def test_a_wrong_table_is_told_before_anything_is_made(
    alone, packed: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    alone.database.open()
    design, clips = tmp_path / "design.toml", tmp_path / "clips"
    design.write_text(DESIGN, encoding="utf-8")
    shutil.unpack_archive(packed, clips)
    for table, told in (
        (
            "file,system\nhigh/tune0.mid,high\n",
            "no column clip; its first line names the columns, and they are file, system",
        ),
        ("clip,system\nhigh/tune0.mid,\n", "clips.csv, line 2: system is empty"),
        ("clip,system\n", "no line below"),
    ):
        (clips / "clips.csv").write_text(table, encoding="utf-8")
        assert run(monkeypatch, alone, "create", str(design), "--clips", str(clips)) == 1
        told_now = capsys.readouterr()
        assert told in told_now.err
        assert "key=" not in told_now.out
    assert alone.database.transaction(count_studies) == 0


def test_clips_that_can_not_be_made_leave_no_draft(alone, tmp_path: Path, monkeypatch, capsys) -> None:
    design, clips = tmp_path / "design.toml", tmp_path / "clips"
    design.write_text(DESIGN, encoding="utf-8")
    for system in ("one", "two"):
        (clips / system).mkdir(parents=True)
        (clips / system / "tune.wav").write_bytes(b"no sound")
    assert run(monkeypatch, alone, "create", str(design), "--clips", str(clips)) == 1
    said = capsys.readouterr()
    assert "tune.wav" in said.err
    assert "key=" not in said.out
    assert alone.database.transaction(count_studies) == 0
