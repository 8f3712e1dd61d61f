from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from webapp.runtime.settings import Settings, misspelt

SETTINGS = "DATABASE_URL STORE_URL GENERATOR_URL HOST PORT SECRET DEVICE SOUNDFONT MODEL"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in SETTINGS.split():
        monkeypatch.delenv(f"KALLOS_{name}", raising=False)
    monkeypatch.setenv("KALLOS_HOME", str(tmp_path / "a home"))


def test_a_misspelt_setting_is_named_with_the_one_that_was_meant() -> None:
    lines = misspelt({"KALLOS_PROT": "8000", "KALLOS_HOME": "/x", "KALLOS_REQUIRE_WEBKIT": "1", "HOME": "/y"})
    assert lines == ["KALLOS_PROT is no setting of Kallos and changes nothing; did you mean KALLOS_PORT?"]


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KALLOS_PORT", "")
    assert Settings().port == 7860


def test_a_model_of_ones_own_is_named_by_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KALLOS_MODEL", "runs/mine/bundle")
    assert Settings().style_folder == Path.cwd() / "runs" / "mine" / "bundle"


def test_a_port_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KALLOS_PORT", "70000")
    with pytest.raises(ValidationError, match="port"):
        Settings()


def test_the_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        secrets = set(pool.map(lambda _: Settings().signing_secrets, range(16)))
    assert len(secrets) == 1
    path = tmp_path / "a home" / "secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["secret"]


def test_a_given_secret_is_used_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KALLOS_SECRET", "swordfish")
    settings = Settings()
    assert settings.signing_secrets == ("swordfish",)
    assert "swordfish" not in repr(settings)
