import subprocess
from pathlib import Path

import pytest

from models.experiments.provenance import UNKNOWN, commit


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    found = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return found.stdout.strip()


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The checkout of another project, with one commit."""
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "another project's")
    return tmp_path


def test_a_command_started_in_another_checkout_carries_the_commit_of_its_own_code(other, monkeypatch) -> None:
    monkeypatch.chdir(other)
    commit.cache_clear()
    assert commit() != git(other, "rev-parse", "HEAD")


def test_a_package_has_the_commit_of_the_checkout_that_it_is_the_top_of(other) -> None:
    (other / "models").mkdir()
    assert commit(other / "models") == git(other, "rev-parse", "HEAD")


def test_a_package_in_an_environment_below_another_checkout_has_none(other) -> None:
    package = other / ".venv" / "lib" / "site-packages" / "models"
    package.mkdir(parents=True)
    assert commit(package) == UNKNOWN


def test_outside_of_a_checkout_there_is_none(tmp_path) -> None:
    (tmp_path / "models").mkdir()
    assert commit(tmp_path / "models") == UNKNOWN


def test_a_hooks_variables_name_no_other_repository(other, tmp_path_factory, monkeypatch) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "models").mkdir()
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert commit(elsewhere / "models") == UNKNOWN


def test_without_git_there_is_none(other, monkeypatch) -> None:
    (other / "models").mkdir()
    monkeypatch.setenv("PATH", "")
    assert commit(other / "models") == UNKNOWN
