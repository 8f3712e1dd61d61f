"""``kallos serve`` that is killed and started again, and listeners who vote on through it all."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from db import migrate
from models.music.notes import Domain, Piece
from models.style.performance import touch
from tests.recording import RecordedGenerator
from webapp.composing import rendering
from webapp.composing.clip_maker import ClipMaker, Order
from webapp.context import Context
from webapp.runtime.clip_store import ClipStore
from webapp.runtime.settings import Settings

PATIENCE_S = 240  # for one answer, whatever falls meanwhile; a machine that trains or tests beside us is slow
OUTCOMES = ("left", "right", "equal", "neither", "skipped")


def fill_pool(home: Path, clips: int, *, sounding: bool = False, database_url: str = "") -> None:
    """Put recorded clips into the pool of a new home; they sound only where somebody listens to them."""

    def silent(store: ClipStore, piece: Piece, seconds: float, domain: Domain) -> rendering.Rendered:
        stored = store.put(f"{seconds} {piece.notes.tolist()}".encode(), ".mp3")
        return rendering.Rendered(seconds, stored.sha256, stored.key, stored.size, -18.0, -1.5, touch.version())

    with (
        closing(Context(Settings(home=home, database_url=database_url))) as context,
        pytest.MonkeyPatch.context() as patch,
    ):
        if not sounding:
            patch.setattr(rendering, "render_into", silent)
        migrate.upgrade(context.database.open())
        maker = ClipMaker(context.database, context.journal, context.clip_store, RecordedGenerator(), context.style)
        made = maker.make([Order("pop", seed) for seed in range(clips)], shortest=sounding)
        assert len(made.clip_ids) == clips


class Site:
    """``kallos serve``, started again when it is killed, as an operator's service manager does."""

    def __init__(self, home: Path, log: Path, environment: Mapping[str, str]) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.home, self.log = home, log
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("KALLOS_")}
        self._environment |= {"KALLOS_HOME": str(home), **environment}
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "webapp", "serve", "--port", str(self.port)],
                env=self._environment,
                stdout=log,
                stderr=log,
            )

    @property
    def studies(self) -> str:
        """Where studies are made, with the key, as the server said when it started."""
        return re.findall(r"Studies are made at (\S+)", self.log.read_text(errors="replace"))[-1]

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

    def health(self) -> dict[str, Any]:
        """What it says of itself; empty where it says nothing."""
        try:
            # no certificates are read, which would take longer than the answer
            report: dict[str, Any] = httpx.get(f"{self.url}/healthz", timeout=5, verify=False).json()
        except (httpx.HTTPError, ValueError):
            return {}
        return report

    def wait_for_clips(self, clips: int) -> None:
        end = time.monotonic() + PATIENCE_S
        while self.health().get("pool", {}).get("pop", -1) < clips:
            assert time.monotonic() < end, f"no pool:\n{self.tail()}"
            time.sleep(0.3)

    def tail(self) -> str:
        """The end of what it logged."""
        return self.log.read_text(errors="replace")[-8000:]


class Voter:
    """A listener whose browser tries until it is answered, each time at the next of ``sites``.

    And sometimes it sends the same vote again.
    """

    def __init__(self, sites: Sequence[Site], seed: int) -> None:
        self.sites = sites
        self.random = random.Random(seed)
        self.clients = [httpx.Client(base_url=site.url, timeout=10, trust_env=False) for site in sites]
        self.token: str | None = None
        self.acknowledged: dict[str, str] = {}
        self._next = cycle(self.clients)

    def close(self) -> None:
        for client in self.clients:
            client.close()

    def insist(self, method: str, path: str, body: Any = None, *, among: Iterable[httpx.Client] = ()) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        end = time.monotonic() + PATIENCE_S
        clients = cycle(among) if among else self._next
        while True:
            answer, failure = None, ""
            try:
                answer = next(clients).request(method, path, json=body, headers=headers)
            except httpx.HTTPError as error:
                failure = repr(error)
            if answer is not None and answer.status_code < 500:
                assert answer.status_code == 200, (method, path, answer.status_code, answer.text)
                return answer.json()
            if time.monotonic() > end:
                said = failure or f"{answer.status_code} {answer.text}"
                tails = "\n".join(site.tail() for site in self.sites)
                pytest.fail(f"no answer to {method} {path} but {said}, and it was logged:\n{tails}")
            time.sleep(0.1)

    def arrive(self) -> None:
        self.token = self.insist("GET", "/api/listener")["listener_token"]

    def vote(self) -> None:
        offer = self.insist("GET", "/api/offers")[0]["offer_id"]
        assert offer not in self.acknowledged, "an offer that was answered is open again"
        outcome = self.random.choice(OUTCOMES)
        body = {"outcome": outcome, "heard_ms": {"left": 3000, "right": 3000}}
        for _ in range(1 + (self.random.random() < 0.2)):
            reply = self.insist("POST", f"/api/offers/{offer}/vote", body)
            assert (reply["offer_id"], reply["outcome"]) == (offer, outcome)
        self.acknowledged[offer] = outcome

    def expect_all_votes_once(self) -> None:
        """Every acknowledged vote is stored once, with its prediction, whichever site is asked; and no other is."""
        picks = sum(outcome in {"left", "right", "equal"} for outcome in self.acknowledged.values())
        for client in self.clients:
            offers = self.insist("GET", "/api/listener/export", among=[client])["offers"]
            stored = [(offer["id"], offer["vote"]["outcome"]) for offer in offers if offer["vote"]]
            assert len(stored) == len(self.acknowledged)
            assert dict(stored) == self.acknowledged
            assert all(offer["prediction"] and offer["listening"] for offer in offers if offer["vote"])
            assert self.insist("GET", "/api/listener", among=[client])["picks"] == picks
