"""One generation server beside Ray Serve's replicas: start, memory, first answer, throughput; and what a kill loses.

Both compose with the shipped weights, one after the other on this machine. While the second flood of requests is under
way, replicas of Ray's are killed with SIGKILL, each some requests after the one before.

    python tests/bench/generators.py --requests 200 --replicas 2
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import numpy as np
import psutil

from models.experiments.report import Metric, Report
from webapp.generation.protocol import GenerateRequest, GenerationError
from webapp.generation.remote import RemoteGenerator
from webapp.runtime.supervised_process import free_local_port

START_S = 300.0
DEADLINE_MS = 300_000
REPLICA = "ServeReplica"
KILLS = 4


@dataclass
class Server:
    """A running ``kallos generator``, how it was started, and how many seconds passed until it was well."""

    process: subprocess.Popen[bytes]
    remote: RemoteGenerator
    started_s: float

    def processes(self) -> list[psutil.Process]:
        """All that belong to it."""
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    def replicas(self) -> list[psutil.Process]:
        """Those of Ray's that compose."""
        return [each for each in self.processes() if REPLICA in " ".join(each.cmdline())]

    def memory_mb(self) -> float:
        """What all of it holds, pages that are shared counted once."""
        return sum(each.memory_full_info().pss for each in self.processes()) / 2**20


@contextmanager
def serving(*options: str) -> Iterator[Server]:
    """``kallos generator`` with these options, once it is well."""
    port, begun = free_local_port(), time.monotonic()
    words = [sys.executable, "-m", "webapp", "generator", "--device", "cpu", "--port", str(port), *options]
    process = subprocess.Popen(words)
    remote = RemoteGenerator(f"http://127.0.0.1:{port}")
    try:
        while not well(remote):
            if process.poll() is not None or time.monotonic() > begun + START_S:
                raise RuntimeError(f"{' '.join(words)} did not start")
            time.sleep(0.1)
        yield Server(process, remote, time.monotonic() - begun)
    finally:
        remote.close()
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def well(remote: RemoteGenerator) -> bool:
    """Whether it answers."""
    try:
        return remote.health()["status"] == "ok"
    except GenerationError:
        return False


@dataclass
class Flood:
    """What became of many requests: seconds that each took and all together, and how many got no clip."""

    each_s: list[float]
    seconds: float
    lost: int

    @property
    def a_second(self) -> float:
        """Clips a second."""
        return len(self.each_s) / self.seconds


def flood(server: Server, requests: int, callers: int, prefix: str, *, kills: int = 0) -> Flood:
    """Ask for so many clips, ``callers`` at a time; meanwhile kill replicas, each some answers after the last one."""
    answered: list[float] = []
    over = threading.Event()

    def ask(number: int) -> bool:
        begun = time.monotonic()
        request = GenerateRequest(id=f"{prefix}-{number}", seed=number, deadline_ms=DEADLINE_MS, **given)
        try:
            server.remote.generate(request)
        except GenerationError as error:
            print(f"lost {prefix}-{number}: {error}", file=sys.stderr)
            return False
        answered.append(time.monotonic() - begun)
        return True

    def kill() -> None:
        for number in range(1, kills + 1):
            while len(answered) < requests * number // (kills + 1) and not over.wait(0.02):
                pass
            there = server.replicas()
            if there and not over.is_set():
                there[number % len(there)].kill()
                print(f"killed 1 of {len(there)} replicas after {len(answered)} answers", file=sys.stderr)

    drawn = server.remote.drafts("dance", 1, seed=1).drafts[0]["latents"]
    given = {"domain": "dance", "content": {"latents": drawn}}
    killing, begun = threading.Thread(target=kill), time.monotonic()
    killing.start()
    with ThreadPoolExecutor(callers) as together:
        came = list(together.map(ask, range(requests)))
    seconds = time.monotonic() - begun
    over.set()
    killing.join()
    return Flood(answered, seconds, came.count(False))


def first_answer_s(server: Server) -> float:
    """Seconds until the first notes of a stream, nothing else being asked; the median of five."""

    took = []
    drawn = server.remote.drafts("dance", 1, seed=1).drafts[0]["latents"]
    for number in range(5):
        body = {"id": f"first-{number}", "domain": "dance", "seed": number, "stream": True}
        body["content"] = {"latents": drawn}
        begun = time.monotonic()
        with httpx.stream("POST", f"{server.remote.url}/v1/generate", json=body, timeout=60) as answer:
            next(answer.iter_lines())
            took.append(time.monotonic() - begun)
    return float(np.median(took))


def measure(report: Report, name: str, arguments: argparse.Namespace, *options: str) -> None:
    """The figures of one way to serve."""
    with serving(*options) as server:
        version = server.remote.health()["model_version"]
        report.model = {"version": version}
        report.add(f"generators.{name}.start_seconds", Metric(server.started_s))
        first = first_answer_s(server)
        report.add(f"generators.{name}.first_notes_seconds", Metric(first, n=5))
        report.add(f"generators.{name}.memory_mb_rest", Metric(server.memory_mb()))
        found = flood(server, arguments.requests, arguments.callers, f"{name}-whole")
        report.add(f"generators.{name}.clips_a_second", Metric(found.a_second, n=arguments.requests))
        p95 = float(np.quantile(found.each_s, 0.95))
        report.add(f"generators.{name}.p95_seconds", Metric(p95, n=arguments.requests))
        report.add(f"generators.{name}.lost", Metric(found.lost, n=arguments.requests, reference=0))
        report.add(f"generators.{name}.memory_mb_busy", Metric(server.memory_mb()))
        if server.replicas():
            report.add(f"generators.{name}.replicas", Metric(len(server.replicas()), reference=arguments.replicas))
            killed = flood(server, arguments.requests, arguments.callers, f"{name}-killed", kills=KILLS)
            report.add(f"generators.{name}.lost_by_kills", Metric(killed.lost, n=arguments.requests, reference=0))
            report.add(f"generators.{name}.clips_a_second_killed", Metric(killed.a_second, n=arguments.requests))


def main() -> int:
    """Measure, print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--callers", type=int, default=48)
    parser.add_argument("--replicas", type=int, default=2)
    arguments = parser.parse_args()
    machine = {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count(), "load": os.getloadavg()[0]}
    report = Report("bench.generators", {"hash": None, "n": arguments.requests, "machine": machine}, {}, 0)
    measure(report, "one", arguments)
    measure(report, "ray", arguments, "--ray", "--replicas", str(arguments.replicas))
    report.print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
