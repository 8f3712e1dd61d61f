"""`make bench`: the running application, measured from outside: a real `kallos serve` with its own Postgres and worker.

Votes are timed over HTTP as a browser sends them (and fetches the next pair's sound), with 10,000 votes stored already
and the pool refilling. The table names the machine; no figure here is asserted by a test.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from long_history import give_past, ratio
from maps import crowd, draw_seconds, in_the_page
from newcomers import come
from next_pair import NoBrowserError, next_pair_ms
from rest import rest
from sqlalchemy import text
from votes import BEFORE_PICK, cost_of_votes, first_clip_picks, first_offers_ms, votes_a_second

from db.engine import make_engine
from models.experiments.report import Metric, Report
from models.music.notes import Piece
from models.music.render import encode_mp3, render
from webapp.context import Context
from webapp.maps.drawing import store
from webapp.runtime.settings import Settings

ARRIVE_AFTER_S = 60.0  # a start
REST_AFTER_S, REST_S = 300.0, 120.0  # a start; of looking at it
HEARD = {"left": 4000, "right": 4000}
PART = "generator"


@dataclass
class Site:
    """The running application."""

    url: str
    process: subprocess.Popen[bytes]
    home: Path
    start_seconds: float

    @property
    def database_url(self) -> str:
        """Of the embedded Postgres, from its own files."""
        lines = (self.home / "pg" / "data" / "postmaster.pid").read_text().splitlines()
        return f"postgresql+psycopg://postgres@/postgres?host={lines[4]}"

    def processes(self) -> list[psutil.Process]:
        """Web, generator, worker, and Postgres with its backends."""
        web = psutil.Process(self.process.pid)
        postmaster = psutil.Process(int((self.home / "pg" / "data" / "postmaster.pid").read_text().split()[0]))
        return [web, *web.children(recursive=True), postmaster, *postmaster.children(recursive=True)]

    def memory_mb(self) -> float:
        """What all of it holds, pages that are shared counted once."""
        total = 0
        for process in self.processes():
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
        return total / 2**20

    def generator(self) -> str:
        """The address of the generator that this application supervises."""
        for process in self.processes():
            words = process.cmdline()
            if PART in words:
                return f"http://127.0.0.1:{words[words.index('--port') + 1]}"
        raise LookupError("no generator runs")

    def pool(self) -> dict[str, int]:
        """Playable clips by domain."""
        report: dict[str, int] = httpx.get(f"{self.url}/healthz", timeout=30).json()["pool"]
        return report

    def wait_for(self, clips: int, seconds: float = 3600) -> None:
        """Wait until every domain has so many clips."""
        end = time.monotonic() + seconds
        while min(self.pool().values()) < clips:
            if time.monotonic() > end:
                raise TimeoutError(f"the pool has {self.pool()} after {seconds:g} s; {clips} are wanted")
            time.sleep(1)


@contextmanager
def serving(home: Path, *, visited: bool = True, **settings: str):
    """`kallos serve` on a fresh home, from its start to the first pair that plays; not ``visited``, that could."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KALLOS_")}
    with (home / "log").open("wb") as log:
        begun = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "webapp", "serve", "--port", str(port)],
            env={**environment, **settings, "KALLOS_HOME": str(home / "home")},
            stdout=log,
            stderr=log,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            (wait_for_pair if visited else wait_until_well)(url, process)
            yield Site(url, process, home / "home", time.monotonic() - begun)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for_pair(url: str, process: subprocess.Popen[bytes]) -> None:
    """Until both sounds of a pair have arrived."""
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        while process.poll() is None:
            try:
                answer = client.get("/api/offers")
                if answer.status_code == 200:
                    for side in ("left", "right"):
                        client.get(answer.json()[0][side]["audio_url"]).raise_for_status()
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
    raise RuntimeError("kallos serve ended before it served a pair")


def wait_until_well(url: str, process: subprocess.Popen[bytes]) -> None:
    """Until a pair could be served, as who is no listener finds out."""
    while process.poll() is None:
        try:
            if httpx.get(f"{url}/healthz", timeout=30, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise RuntimeError("kallos serve ended before it was well")


class Listener:
    """One browser: votes and then fetches what a page would."""

    def __init__(self, url: str, seed: int) -> None:
        self.random = random.Random(seed)
        self.client = httpx.Client(base_url=url, timeout=60, trust_env=False)
        new = self.client.get("/api/listener").json()
        self.client.headers["Authorization"] = f"Bearer {new['listener_token']}"
        self.id = ""
        self.open = self.offers()
        self.known = {offer["offer_id"] for offer in self.open}

    def offers(self) -> list[dict[str, Any]]:
        """The open offers, waited for."""
        while True:
            answer = self.client.get("/api/offers")
            if answer.status_code == 200:
                found: list[dict[str, Any]] = answer.json()
                return found
            time.sleep(0.5)

    def vote(self) -> float:
        """Vote on the oldest open offer; milliseconds until the answer with the next pair was here."""
        offer = (self.open or self.offers())[0]
        body = {"outcome": self.random.choice(["left", "right"]), "heard_ms": HEARD}
        begun = time.perf_counter()
        answer = self.client.post(f"/api/offers/{offer['offer_id']}/vote", json=body)
        took = (time.perf_counter() - begun) * 1000
        answer.raise_for_status()
        self.open = answer.json()["open"]
        for new in self.open:
            if new["offer_id"] not in self.known:
                self.known.add(new["offer_id"])
                for side in ("left", "right"):
                    self.client.get(new[side]["audio_url"])
                    self.client.get(new[side]["notes_url"])
        return took


def crowd_votes(listeners: list[Listener], seconds: float, pause_s: float) -> list[float]:
    """All vote side by side, each every ``pause_s``; every vote's milliseconds."""
    end = time.monotonic() + seconds

    def listen(listener: Listener) -> list[float]:
        took = []
        time.sleep(listener.random.uniform(0, pause_s))
        while time.monotonic() < end:
            begun = time.monotonic()
            took.append(listener.vote())
            time.sleep(max(0.0, pause_s - (time.monotonic() - begun)))
        return took

    with ThreadPoolExecutor(len(listeners)) as together:
        return [each for took in together.map(listen, listeners) for each in took]


def store_past_votes(site: Site, votes: int) -> int:
    """Give every listener a past, so that all of them together have cast so many votes.

    Whoever really cast that many did so over hours: the tables' statistics are of them, as after any load in bulk.
    """
    engine = make_engine(site.database_url)
    with engine.begin() as connection:
        listeners = list(connection.scalars(text("SELECT id FROM listeners")))
        give_past(connection, listeners, -(-votes // len(listeners)))
        stored: int = connection.scalar(text("SELECT count(*) FROM votes"))
    engine.dispose()
    return stored


def compose_together(url: str, clips: int, seed: int) -> tuple[float, list[dict[str, Any]]]:
    """Seconds until so many clips that were asked for at once are composed (notes only), and their notes."""

    def one(number: int) -> dict[str, Any]:
        body = {
            "id": f"bench-{seed}-{number}",
            "seed": seed + number,
            "domain": "pop",
            "bars": 8,
            "deadline_ms": 120_000,
        }
        answer = httpx.post(f"{url}/v1/generate", json=body, timeout=120, trust_env=False)
        answer.raise_for_status()
        notes: dict[str, Any] = answer.json()["notes"]
        return notes

    begun = time.perf_counter()
    with ThreadPoolExecutor(clips) as together:
        notes = list(together.map(one, range(clips)))
    return time.perf_counter() - begun, notes


def quantile(values: list[float], share: float, **beside: float | None) -> Metric:
    """A quantile with its 95 % bootstrap interval."""
    data = np.asarray(values)
    rng = np.random.default_rng(0)
    draws = [np.quantile(rng.choice(data, len(data)), share) for _ in range(500)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return Metric(float(np.quantile(data, share)), float(low), float(high), len(data), **beside)


def measure(site: Site, report: Report, arguments: argparse.Namespace) -> None:
    """Everything, in an order in which nothing disturbs what comes before."""
    report.add("bench.start_seconds", Metric(site.start_seconds, n=1, reference=10.0))
    site.wait_for(arguments.clips)
    report.add("bench.memory_mb_rest", Metric(site.memory_mb(), n=1, reference=2048.0))
    generator = site.generator()
    compose_together(generator, 1, 10_000)  # the first one warms up
    alone = [compose_together(generator, 1, 20_000 + 100 * i) for i in range(arguments.repeats)]
    batches = [compose_together(generator, 8, 50_000 + 100 * i)[0] for i in range(arguments.repeats)]
    single = quantile([seconds for seconds, _ in alone], 0.5)
    report.add("compose.seconds_1", single)
    report.add(
        "compose.seconds_8", quantile(batches, 0.5, baseline=8 * (single.value or 0), reference=4 * (single.value or 0))
    )
    rendering = []
    for _, (notes, *_) in alone:
        piece = Piece.from_json(notes)
        begun = time.perf_counter()
        encode_mp3(render(piece, 14.0))
        rendering.append(time.perf_counter() - begun)
    report.add("render.seconds_1", quantile(rendering[1:], 0.5))
    try:
        report.add("bench.next_pair_ms", quantile(next_pair_ms(site.url), 0.95, reference=50.0))
    except NoBrowserError:
        report.add("bench.next_pair_ms", Metric(None, reference=50.0))
    measure_maps(site, report)
    measure_newcomers(site, report, arguments)
    listeners = [Listener(site.url, seed) for seed in range(arguments.listeners)]
    stored = store_past_votes(site, arguments.past_votes)
    for listener in listeners:
        listener.vote()  # untimed: their heads learn the past that they have been given
    alone_ms = [listeners[0].vote() for _ in range(arguments.votes)]
    report.add("bench.vote_p95_ms_1", quantile(alone_ms, 0.95, reference=150.0))
    measure_votes(site, report, arguments)
    report.add("bench.votes_a_second", Metric(votes_a_second(listeners[:8], 15.0), n=8, reference=60.0))
    for listener in listeners:
        listener.open = listener.offers()
    before = site.pool()
    crowd_ms = crowd_votes(listeners, arguments.seconds, arguments.pause)
    report.add("bench.vote_p95_ms_50", quantile(crowd_ms, 0.95, reference=150.0))
    report.add("bench.memory_mb_50", Metric(site.memory_mb(), n=1, reference=3072.0))
    after = site.pool()
    print(
        f"{len(listeners)} listeners, {stored} votes stored before; the pool grew from {before} to {after} meanwhile; "
        f"median vote {np.median(alone_ms):.1f} ms alone, {np.median(crowd_ms):.1f} ms in the crowd"
    )


def measure_rest(report: Report) -> None:
    """What a server costs whom nobody has asked for anything, from the fifth minute after its start on."""
    with tempfile.TemporaryDirectory(prefix="kallos-rest-") as folder, serving(Path(folder), visited=False) as site:
        time.sleep(max(0.0, REST_AFTER_S - site.start_seconds))
        before = site.memory_mb()
        cost = rest(site.processes, REST_S)
        report.add("bench.rest_cpu", Metric(cost.cpu_s.total() / REST_S, n=1, reference=0.03))
        report.add("bench.rest_written_kb", Metric(cost.written.total() / 1000, n=1, reference=0.0))
        report.add("bench.rest_memory_growth_mb", Metric(site.memory_mb() - before, n=1, reference=0.0))


def measure_arrivals(report: Report) -> None:
    """How fifty newcomers fare who come a minute after a start, while the pool fills."""
    with tempfile.TemporaryDirectory(prefix="kallos-arrivals-") as folder, serving(Path(folder), visited=False) as site:
        time.sleep(max(0.0, ARRIVE_AFTER_S - site.start_seconds))
        fared = come(site.url)
        report.add("bench.newcomers_p50_ms", quantile(fared.vote_ms, 0.5))
        report.add("bench.newcomers_p95_ms", quantile(fared.vote_ms, 0.95, reference=150.0))
        report.add("bench.newcomers_worst_ms", Metric(max(fared.vote_ms), n=len(fared.vote_ms)))
        report.add("bench.newcomers_first_offer_p95_ms", quantile(fared.first_offer_ms, 0.95))
        print(fared.text())


def measure_newcomers(site: Site, report: Report, arguments: argparse.Namespace) -> None:
    """How long newcomers who come at once wait for a pair, and when the first clip made for each of them is ready."""
    took, newcomers = first_offers_ms(arguments.listeners, lambda seed: Listener(site.url, 1000 + seed))
    report.add("bench.first_offers_ms_50", quantile(took, 0.95, reference=1000.0))
    picks = first_clip_picks(newcomers, arguments.pause)
    at = [float(each) for each in picks]
    report.add("bench.first_clip_picks_50", quantile(at, 0.5, reference=float(BEFORE_PICK)))
    in_time = [float(each < BEFORE_PICK) for each in picks]
    report.add("bench.first_clip_share_50", Metric(float(np.mean(in_time)), n=len(picks), reference=1.0))
    print(f"the first clip for each newcomer was ready at the picks {sorted(picks)}")


def measure_votes(site: Site, report: Report, arguments: argparse.Namespace) -> None:
    """Statements and processor time of a vote without the way over HTTP."""
    context = Context(Settings(home=site.home, database_url=site.database_url))
    try:
        cost = cost_of_votes(context, arguments.votes)
    finally:
        context.close()
    report.add("bench.vote_statements", quantile(cost.statements, 0.5, reference=10.0))
    report.add("bench.vote_cpu_ms", quantile(cost.cpu_ms, 0.5, reference=15.0))
    found = ratio()
    report.add("bench.listener_10000_votes_ratio", Metric(found.value, n=found.votes, reference=1.5))


def measure_maps(site: Site, report: Report) -> None:
    """A map of 20,000 points in the page, and drawing one of all tunes that are there."""
    context = Context(Settings(home=site.home, database_url=site.database_url))
    try:
        seconds, frames = in_the_page(site.url, store(context.atlas, "tunes", "made-up", 0, crowd()))
        report.add("bench.map_20000_seconds", quantile(seconds, 0.5, reference=3.0))
        report.add("bench.map_frame_ms", quantile(frames, 0.95))
    except NoBrowserError:
        report.add("bench.map_20000_seconds", Metric(None, reference=3.0))
    took, points = draw_seconds(context)
    report.add("bench.project_5000_seconds", Metric(took, n=points, reference=30.0))
    context.close()


def main() -> int:
    """Measure, print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listeners", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the crowd's voting")
    parser.add_argument("--pause", type=float, default=5.0, help="seconds between two votes of one listener")
    parser.add_argument("--votes", type=int, default=60, help="of the listener who is alone")
    parser.add_argument("--past-votes", type=int, default=10_000)
    parser.add_argument("--clips", type=int, default=48, help="in every domain before it begins")
    parser.add_argument("--repeats", type=int, default=10, help="of composing")
    arguments = parser.parse_args()
    machine = {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count(), "load": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory(prefix="kallos-bench-") as folder, serving(Path(folder)) as site:
        health = httpx.get(f"{site.url}/healthz", timeout=30).json()
        version = health["generator"].get("model_version")
        report = Report("bench", {"hash": None, "n": arguments.past_votes, "machine": machine}, {"version": version}, 0)
        measure(site, report, arguments)
    measure_arrivals(report)
    measure_rest(report)
    report.print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
