from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from models.style.bundle import SHIPPED_STYLE
from webapp.runtime import commands
from webapp.runtime.settings import Settings


@pytest.mark.slow
def test_a_command_runs_in_a_bare_shell_in_another_folder(tmp_path: Path) -> None:
    command = commands.python("models.train.titles", "--help")
    bare = {"PATH": "/usr/bin:/bin"}
    shown = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=bare, capture_output=True, text=True, check=True)
    assert "--preset" in shown.stdout


def test_a_command_quotes_what_the_shell_would_part(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "my home")
    words = shlex.split(commands.training(settings, "titles", "titles"))
    assert words[words.index("--out") + 1] == str(tmp_path / "my home" / "runs" / "titles")
    assert f"KALLOS_HOME={tmp_path / 'my home'}" in shlex.split(commands.kallos(settings.home, "db", "check"))


def test_own_weights_are_named_and_corpora_taken_along(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("KALLOS_CORPORA", str(tmp_path / "music"))
    own = commands.evaluation("evaluate.style", tmp_path)
    assert f"--model {tmp_path}" in own
    assert f"KALLOS_CORPORA={tmp_path / 'music'}" in own
    assert "--model" not in commands.evaluation("evaluate.style", SHIPPED_STYLE)
