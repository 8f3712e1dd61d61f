"""`kill -9` of web, worker, generator and Postgres while votes are cast: none acknowledged is lost, none is doubled."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

VOTES = 200
LISTENERS = 4
PATIENCE_S = 240  # for one answer, whatever falls meanwhile; a machine that trains or tests beside us is slow
CLIPS = 12  # 66 pairs
PARTS = ("postgres", "worker", "web", "generator")
BETWEEN_FALLS = (20, 36)  # votes: every part falls at least once
OUTCOMES = ("left", "right", "equal", "neither", "skipped")


class Site:
    """``kallos serve``, started again when it is killed, as an operator's service manager does."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.home = home
        self.log = home.parent / "log"
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KALLOS_")}
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "webapp", "serve", "--port", str(self.port)],
                env={**environment, "KALLOS_HOME": str(self.home), "KALLOS_POOL": "2"},
                stdout=log,
                stderr=log,
            )

    def kill(self, part: str) -> bool:
        """SIGKILL one part; whether it was running."""
        if part == "web":
            self.process.kill()
            self.process.wait()
            self.process = self.start()
            return True
        try:
            if part == "postgres":
                pid = int((self.home / "pg" / "data" / "postmaster.pid").read_text().splitlines()[0])
            else:
                children = psutil.Process(self.process.pid).children()
                pid = next(child.pid for child in children if part in child.cmdline())
            os.kill(pid, signal.SIGKILL)
        except (OSError, ValueError, IndexError, StopIteration, psutil.Error):
            return False
        return True

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def wait_for_clips(self, clips: int) -> None:
        end = time.monotonic() + 240
        while time.monotonic() < end:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=5).json()["pool"]["pop"] >= clips:
                    return
            except (httpx.HTTPError, KeyError, ValueError):
                pass
            time.sleep(0.3)
        pytest.fail(f"no pool:\n{self.tail()}")

    def tail(self) -> str:
        """The end of what it logged."""
        return self.log.read_text(errors="replace")[-8000:]


@pytest.fixture
def site(tmp_path: Path):
    site = Site(tmp_path / "home")
    yield site
    site.stop()


class Voter:
    """A listener whose browser tries until it is answered, and sometimes sends the same vote again."""

    def __init__(self, site: Site, seed: int) -> None:
        self.site = site
        self.random = random.Random(seed)
        self.client = httpx.Client(base_url=site.url, timeout=10, trust_env=False)
        self.token: str | None = None
        self.acknowledged: dict[str, str] = {}
        self.repeated = 0

    def insist(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        end = time.monotonic() + PATIENCE_S
        tries = 0
        while True:
            tries += 1
            answer, failure = None, ""
            try:
                answer = self.client.request(method, path, json=body, headers=headers)
            except httpx.HTTPError as error:
                failure = repr(error)
            if answer is not None and answer.status_code < 500:
                assert answer.status_code == 200, (method, path, answer.status_code, answer.text)
                self.repeated += tries > 1
                return answer.json()
            if time.monotonic() > end:
                said = failure or f"{answer.status_code} {answer.text}"
                pytest.fail(f"no answer to {method} {path} but {said}, and the site said:\n{self.site.tail()}")
            time.sleep(0.1)

    def arrive(self) -> None:
        self.token = self.insist("GET", "/api/listener")["listener_token"]

    def vote(self, times: int) -> None:
        for _ in range(times):
            offer = self.insist("GET", "/api/offers")[0]["offer_id"]
            assert offer not in self.acknowledged, "an offer that was answered is open again"
            outcome = self.random.choice(OUTCOMES)
            body = {"outcome": outcome, "heard_ms": {"left": 3000, "right": 3000}}
            for _ in range(1 + (self.random.random() < 0.2)):
                reply = self.insist("POST", f"/api/offers/{offer}/vote", body)
                assert (reply["offer_id"], reply["outcome"]) == (offer, outcome)
            self.acknowledged[offer] = outcome


def fall_again_and_again(site: Site, votes: Callable[[], int], voting: threading.Event, falls: list[str]) -> None:
    """Kill one part after another, each at a random point a few votes after all stood up again from the last fall."""
    chance = random.Random(2)
    while True:
        for part in chance.sample(PARTS, len(PARTS)):
            until = votes() + chance.randint(*BETWEEN_FALLS)
            while votes() < until:
                if not voting.is_set():
                    return
                time.sleep(0.005)
            time.sleep(chance.uniform(0, 0.1))
            if site.kill(part):
                falls.append(part)


@pytest.fixture
def voters(site: Site):
    voters = [Voter(site, seed) for seed in range(LISTENERS)]
    yield voters
    for voter in voters:
        voter.client.close()


@pytest.mark.timeout(900)
def test_no_acknowledged_vote_is_lost_or_doubled_whatever_is_killed(site: Site, voters: list[Voter]) -> None:
    site.wait_for_clips(CLIPS)
    for voter in voters:
        voter.arrive()
    falls: list[str] = []
    voting = threading.Event()

    def votes() -> int:
        return sum(len(voter.acknowledged) for voter in voters)

    with ThreadPoolExecutor(LISTENERS + 1) as together:
        voting.set()
        killing = together.submit(fall_again_and_again, site, votes, voting, falls)
        try:
            list(together.map(lambda voter: voter.vote(VOTES // LISTENERS), voters))
        finally:
            voting.clear()
        killing.result()
    assert {"web", "postgres", "worker", "generator"} <= set(falls), falls
    for voter in voters:
        offers = voter.insist("GET", "/api/listener/export")["offers"]
        stored = [(offer["id"], offer["vote"]["outcome"]) for offer in offers if offer["vote"]]
        assert len(stored) == len(voter.acknowledged)
        assert dict(stored) == voter.acknowledged
        picks = sum(outcome in {"left", "right", "equal"} for outcome in voter.acknowledged.values())
        assert voter.insist("GET", "/api/listener")["picks"] == picks
        assert all(offer["prediction"] and offer["listening"] for offer in offers if offer["vote"])
    assert sum(len(voter.acknowledged) for voter in voters) == VOTES
