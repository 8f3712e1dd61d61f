from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename

from webapp.__main__ import main
from webapp.hosting.space import FILES, write_space

ROOT = Path(__file__).resolve().parents[3]
LOCKED = (FILES / "requirements.txt").read_text(encoding="utf-8")
OF_A_PAGE = {"Sec-Fetch-Site": "same-origin"}
PATIENCE_S = 240
CLIPS = 4


def test_every_requirement_is_locked_in_a_version_that_suits(tmp_path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locked = {}
    for name, file, digest in re.findall(r"^(\S+) @ https://\S+/(\S+)#sha256=(\S*)$", LOCKED, re.MULTILINE):
        assert len(digest) == 64, name
        locked[name] = parse_wheel_filename(file)[1]
    for requirement in map(Requirement, project["dependencies"]):
        if not requirement.name.startswith("torch"):
            assert locked[requirement.name] in requirement.specifier, f"{requirement}: run make lock"
    assert re.findall(r"^[^#\s@]+$", LOCKED, re.MULTILINE) == ["torch==2.11.0", "torchaudio==2.11.0"]


def test_the_container_installs_nothing_without_a_hash():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "docker" / "requirements.txt").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+).*\\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE))
    assert set(locked) == set(re.findall(r"^([a-z0-9][^=\s]*)==", text, re.MULTILINE))
    for requirement in map(Requirement, project["dependencies"]):
        assert locked[requirement.name] in requirement.specifier, f"{requirement}: run make lock"


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path, capsys):
    (tmp_path / "precious").write_text("mine")
    assert main(["space", str(tmp_path)]) == 1
    assert "name another folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_a_space_is_written_again_without_what_was_taken_out(tmp_path):
    write_space(tmp_path / "space")
    stale = tmp_path / "space" / "webapp" / "stale.py"
    stale.touch()
    (tmp_path / "space" / ".git").mkdir()
    write_space(tmp_path / "space")
    assert not stale.exists()
    assert (tmp_path / "space" / ".git").exists()
    front = (tmp_path / "space" / "README.md").read_text(encoding="utf-8").split("---")[1]
    assert re.search(r"^sdk: gradio$", front, re.MULTILINE)
    assert re.search(r"^sdk_version: 6\.\d+\.\d+$", front, re.MULTILINE)
    assert 'python_version: "3.12"' in front
    assert "license: other" in front
    for name in ("LICENSE", "NOTICE", "models/weights/LICENSE"):
        assert (tmp_path / "space" / name).read_bytes() == (ROOT / name).read_bytes()


class Space:
    """``app.py`` of a written Space, as somebody who is not root, with a disk of its own."""

    def __init__(self, folder: Path, home: Path, journal: Path, *, pool: int = 2, port: int = 0) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            self.port = probe.getsockname()[1]
        self.user = _another_user()
        home.mkdir()
        if self.user:
            os.chown(home, self.user["user"], self.user["group"])
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "OMP_NUM_THREADS") if name in os.environ}
        self.environment = {
            **kept,
            "HOME": str(home),
            "SPACE_ID": "somebody/kallos",
            "KALLOS_PORT": str(self.port),
            "KALLOS_POOL": str(pool),
            "KALLOS_RUNS": str(home / "runs"),
            "KALLOS_JOURNAL_URL": f"file://{journal}",
        }
        self.log = home.with_suffix(".log")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "app.py"], cwd=folder, env=self.environment, stdout=log, stderr=log, **self.user
            )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30, headers=OF_A_PAGE)

    def wait_for(self, clips: int) -> None:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if self.client.get("/healthz").json()["pool"]["pop"] >= clips:
                    return
            except (httpx.HTTPError, KeyError, ValueError):
                pass
            time.sleep(0.3)
        pytest.fail(f"the Space did not get ready:\n{self.log.read_text(errors='replace')[-4000:]}")

    def kill(self) -> None:
        """As a host that takes the container away: all of it at once."""
        children = psutil.Process(self.process.pid).children(recursive=True) if self.process.poll() is None else []
        postgres = [each for each in psutil.process_iter() if self.environment["HOME"] in _working_folder(each)]
        for each in [self.process, *children, *postgres]:
            try:
                each.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait()
        self.client.close()


def _another_user() -> dict[str, Any]:
    """Somebody who is not root and can run this Python; nothing where there is nobody such, or we are not root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    try:
        subprocess.run([sys.executable, "-c", ""], check=True, cwd="/", **user)
    except (OSError, subprocess.CalledProcessError):
        return {}
    return user


def _working_folder(process: psutil.Process) -> str:
    try:
        return process.cwd()
    except psutil.Error:
        return ""


@pytest.fixture
def open_folder():
    """A folder that anybody can enter; those that pytest makes can't be."""
    folder = Path(tempfile.mkdtemp(prefix="kallos-space-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.durability
@pytest.mark.slow
def test_what_a_space_called_kept_outlives_its_disk(open_folder):
    folder, bucket = open_folder / "space", open_folder / "bucket"
    write_space(folder)
    bucket.mkdir(mode=0o777)
    bucket.chmod(0o777)
    first = Space(folder, open_folder / "disk-1", bucket)
    try:
        first.wait_for(CLIPS)
        assert "This demo forgets" not in first.client.get("/").text
        token = first.client.get("/api/listener").json()["listener_token"]
        mine = {"Authorization": f"Bearer {token}"}
        reply = None
        for outcome in ("left", "right", "equal"):
            (offer, *_) = first.client.get("/api/offers", headers=mine).json()
            vote = {"outcome": outcome, "heard_ms": {"left": 3000, "right": 3000}}
            reply = first.client.post(f"/api/offers/{offer['offer_id']}/vote", json=vote, headers=mine).json()
        give_up_at = time.monotonic() + PATIENCE_S
        while not first.client.get("/api/listener/kept", headers=mine).json()["kept"]:
            assert time.monotonic() < give_up_at
            time.sleep(0.1)
        before = first.client.get("/api/listener/export", headers=mine).json()
        assert not first.user or psutil.Process(first.process.pid).uids().real == first.user["user"]
    finally:
        first.kill()

    second = Space(folder, open_folder / "disk-2", bucket)
    try:
        second.wait_for(0)
        listener = second.client.get("/api/listener", headers=mine)
        assert listener.json()["picks"] == reply["picks"]
        assert listener.json()["listener_token"] is None  # known by the token of before: the secret came back as well
        after = second.client.get("/api/listener/export", headers=mine).json()
        assert after["offers"] == before["offers"]
        assert after["heads"][0]["mean"] == pytest.approx(before["heads"][0]["mean"], abs=1e-6)
    finally:
        second.kill()
