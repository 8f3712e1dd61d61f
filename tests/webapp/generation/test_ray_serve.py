"""``kallos generator --ray``: replicas answer as one server does, and what a killed one had begun is not lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import httpx
import psutil
import pytest

from models.style.checkpoint import load_style, save_style, tiny_style
from models.style.compose import Composer
from models.taste.space import TasteSpace
from tests.processes import running
from webapp.__main__ import main
from webapp.generation.drawing import MOST
from webapp.generation.engine import Engine
from webapp.generation.protocol import BadRequest, GenerateRequest, GeneratorUnavailable
from webapp.generation.remote import RemoteGenerator
from webapp.runtime.supervised_process import WRONG_SETTING, free_local_port

START_S = 180
REQUESTS, CALLERS = 200, 24
KILLS = (60, 120)  # answers, after which a replica is killed

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="the extra scale is not installed")


def ask(name: str, **given) -> GenerateRequest:
    return GenerateRequest(id=name, **{"seed": 1, "deadline_ms": 120_000, **given})


class Replicas:
    """A running ``kallos generator --ray`` with a tiny model and at most two replicas."""

    def __init__(self, folder: Path, space: TasteSpace) -> None:
        bundle, port, self.folder = tiny_style(), free_local_port(), folder
        save_style(folder, bundle.model, bundle.prior, bundle.fingerprint, bundle.card)
        space.save(folder / "taste")
        words = ["generator", "--ray", "--replicas", "2", "--port", str(port), "--device", "cpu"]
        environment = {**os.environ, "KALLOS_MODEL": str(folder), "KALLOS_HOME": str(folder / "home")}
        self.process = subprocess.Popen([sys.executable, "-m", "webapp", *words], env=environment)
        self.remote = RemoteGenerator(f"http://127.0.0.1:{port}")

    def wait(self) -> None:
        end = time.monotonic() + START_S
        while True:
            try:
                assert self.remote.health()["status"] == "ok"
            except GeneratorUnavailable:
                assert self.process.poll() is None
                assert time.monotonic() < end
                time.sleep(0.2)
            else:
                return

    def replicas(self) -> list[psutil.Process]:
        return running("ServeReplica", self.process.pid)

    def stop(self) -> int:
        self.remote.close()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture
def server(tmp_path: Path, space: TasteSpace) -> Iterator[Replicas]:
    server = Replicas(tmp_path, space)
    try:
        server.wait()
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture
def engine(server: Replicas) -> Iterator[Engine]:
    """One with the weights of the replicas."""
    engine = Engine(Composer(load_style(str(server.folder))), slots=4, queue=32)
    yield engine
    engine.close()


@needs_ray
def test_replicas_answer_as_one_server_does_and_a_killed_one_loses_no_request(server, engine):
    remote = server.remote
    assert remote.generate(ask("over Ray", seed=7)).notes == engine.generate(ask("in process", seed=7)).notes
    with pytest.raises(BadRequest, match="another model"):
        remote.generate(ask("model", model="another model"))
    with httpx.stream("POST", f"{remote.url}/v1/generate", json={"id": "stream", "seed": 7, "stream": True}) as answer:
        assert len(list(answer.iter_lines())) > 2

    answered: list[int] = []

    def generate(number: int) -> dict:
        notes = remote.generate(ask(f"many {number}", seed=number)).notes
        answered.append(number)
        return notes

    def kill() -> None:
        for answers in KILLS:
            while len(answered) < answers:
                time.sleep(0.01)
            server.replicas()[0].kill()

    killing = threading.Thread(target=kill)
    killing.start()
    with ThreadPoolExecutor(CALLERS) as together:
        found = list(together.map(generate, range(REQUESTS)))
    killing.join()
    assert found[:20] == [engine.generate(ask(f"one {number}", seed=number)).notes for number in range(20)]
    children = psutil.Process(server.process.pid).children(recursive=True)
    with ThreadPoolExecutor(1) as beside:  # what was begun is finished before all of it ends
        last = beside.submit(remote.drafts, "pop", MOST, seed=1)
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        assert len(last.result().drafts) == MOST
    assert server.stop() == 0
    assert psutil.wait_procs(children, timeout=30)[1] == []


def test_replicas_without_ray_or_without_number_are_told_in_a_line(monkeypatch, capsys):
    monkeypatch.setattr("webapp.commands.running.find_spec", lambda name: None)
    assert main(["generator", "--ray"]) == WRONG_SETTING
    assert "pip install 'kallos[scale]'" in capsys.readouterr().err
    assert main(["generator", "--replicas", "2"]) == WRONG_SETTING
    assert "--ray" in capsys.readouterr().err
