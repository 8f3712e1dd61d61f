"""The compose file as it is written: nothing is open to strangers, everything is watched, no secret is in it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import yaml

from webapp.runtime import commands
from webapp.runtime.settings import Settings

FOLDER = Path(__file__).resolve().parents[3] / "docker"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8")


def test_only_the_page_has_a_port_and_only_for_this_machine():
    ports = {name: service["ports"] for name, service in COMPOSE["services"].items() if "ports" in service}
    assert ports == {"web": ["127.0.0.1:7860:7860"]}


def test_every_part_is_watched_and_ours_may_do_little():
    for name, service in COMPOSE["services"].items():
        assert "healthcheck" in service or "HEALTHCHECK" in DOCKERFILE
        if service["image"] == "kallos":
            assert service["cap_drop"] == ["ALL"], name
            assert service["read_only"], name
            assert service["security_opt"] == ["no-new-privileges:true"], name
    assert re.search(r"^USER kallos$", DOCKERFILE, re.MULTILINE)
    assert "--require-hashes" in DOCKERFILE


def test_every_setting_is_one_and_every_secret_must_be_given():
    known = {f"KALLOS_{name.upper()}" for name in Settings.model_fields}
    for service in COMPOSE["services"].values():
        given = service["environment"]
        assert {name for name in given if name.startswith("KALLOS_")} <= known
        for name, value in given.items():
            if name.endswith(("SECRET", "PASSWORD", "KEY")):
                assert value.startswith("${"), name
    text = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    for name in ("POSTGRES_PASSWORD", "KALLOS_SECRET", "KALLOS_GENERATOR_SECRET"):
        assert f"${{{name}:?" in text


def test_the_image_says_of_which_commit_it_is(tmp_path):
    (step,) = re.findall(r"^RUN (if .*webapp/commit; fi)$", DOCKERFILE, re.MULTILINE)
    assert COMPOSE["services"]["web"]["build"]["args"] == {"COMMIT": "${COMMIT:-}"}
    (tmp_path / "webapp").mkdir()
    for commit, written in (("", False), ("0123abcd", True)):
        subprocess.run(["/bin/sh", "-c", step], cwd=tmp_path, env={"COMMIT": commit}, check=True)
        assert (tmp_path / "webapp" / "commit").exists() == written
    assert (tmp_path / "webapp" / commands.WRITTEN.name).read_text() == "0123abcd"


def test_the_image_is_made_of_what_is_there_and_not_ignored():
    ignored = (FOLDER.parent / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [each for line in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE) for each in line.split()]
    assert {"docker/requirements.txt", "alembic", "db", "models", "webapp"} <= {*copied}
    for each in copied:
        assert (FOLDER.parent / each).exists(), each
        assert f"!{each}" in ignored, each
