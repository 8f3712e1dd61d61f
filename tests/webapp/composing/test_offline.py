from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from models.music.midi import read_midi
from models.music.midi_file import parse
from models.music.notes import TICKS_PER_QUARTER
from webapp.composing import offline
from webapp.composing.offline import NothingComposedError, Task

pytestmark = pytest.mark.slow


def kallos(tmp_path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command as a user calls it, with a database and a generator that nobody could reach."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KALLOS_")}
    environment |= {
        "KALLOS_HOME": str(tmp_path / "home"),
        "KALLOS_DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:9/nothing",
        "KALLOS_GENERATOR_URL": "http://127.0.0.1:9",
    }
    command = [sys.executable, "-m", "webapp", "compose", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=500)


def test_pieces_become_files_that_begin_with_their_meter_and_tempo_as_written_or_as_played(tmp_path):
    folder = tmp_path / "not there yet" / "pieces"
    what = ("--domain", "pop", "--seed", "5")
    for words in (
        ("--count", "2", "--wav", "--mp3", "--out", str(folder)),
        ("--count", "1", "--played", "--out", str(tmp_path)),
    ):
        done = kallos(tmp_path, *what, *words)
        assert done.returncode == 0, done.stderr
    assert sorted(file.name for file in folder.iterdir()) == [
        f"{number}.{form}" for number in ("000", "001") for form in ("mid", "mp3", "wav")
    ]
    assert not (tmp_path / "home").exists()
    assert (folder / "000.wav").read_bytes()[:4] == b"RIFF"
    assert soundfile.info(folder / "000.mp3").duration == soundfile.info(folder / "000.wav").duration
    pieces = [read_midi(folder / f"00{number}.mid") for number in range(2)]
    for number, piece in enumerate(pieces):
        file = parse(folder / f"00{number}.mid")
        assert file.meters[0][0] == file.tempi[0][0] == 0
        assert len(piece.bars) == 8
        assert piece.bars[0, 0] == 0
    assert not np.array_equal(pieces[0].notes, pieces[1].notes)

    written, played = (parse(where / "000.mid") for where in (folder, tmp_path))
    off_grid = [
        np.mean([onset % (file.tpq / TICKS_PER_QUARTER) != 0 for onset, *_ in file.notes]) for file in (written, played)
    ]
    assert off_grid[0] == 0
    assert off_grid[1] > 0.5
    assert len(written.notes) == len(played.notes)


def test_what_cannot_be_composed_is_said_in_one_line(tmp_path, capsys):
    for words, said in (
        (["--domain", "polka"], "polka"),
        (["--count", "0"], "1 to 1000"),
        (["--bars", "65"], "1 to 64"),
        (["--bars", "0"], "1 to 64"),
        (["--seed", "-1"], "0 or more"),
        (["--form", "AABB"], "more than 8 bars"),
        (["--bars", "30", "--form", "AABB"], "can't be divided"),
    ):
        from webapp.__main__ import main

        assert main(["compose", *words, "--out", str(tmp_path / "out")]) == 1
        message = capsys.readouterr().err
        assert said in message
        assert message.count("\n") == 1
        assert not (tmp_path / "out").exists()


def test_the_same_again_gives_the_same_notes_and_more_begin_with_them(tiny_composer, monkeypatch):
    monkeypatch.setattr(offline, "rejection_reason", lambda *_: None)
    task = Task("dance", 2, 7, 3)
    first, again, more, other = (
        list(offline.compose(tiny_composer, each))
        for each in (task, task, replace(task, count=3), replace(task, seed=8))
    )
    assert [len(piece.bars) for piece in first] == [3, 3]
    for one, two in ((first, again), (first, more)):
        assert all(np.array_equal(a.notes, b.notes) for a, b in zip(one, two, strict=False))
    assert not np.array_equal(first[0].notes, other[0].notes)
    assert (len(more), more[0].domain) == (3, "dance")


def test_broken_pieces_are_composed_anew_and_where_all_are_that_is_said(tiny_composer, monkeypatch):
    faults = iter(["silent", None, "gap", None])
    monkeypatch.setattr(offline, "rejection_reason", lambda *_: next(faults, None))
    assert len(list(offline.compose(tiny_composer, Task("pop", 2, 1, 8)))) == 2
    assert next(faults, "used up") == "used up"
    monkeypatch.setattr(offline, "TRIED", 1)
    monkeypatch.setattr(offline, "rejection_reason", lambda *_: "silent")
    with pytest.raises(NothingComposedError, match="another seed"):
        list(offline.compose(tiny_composer, Task("pop", 1, 1, 8)))
