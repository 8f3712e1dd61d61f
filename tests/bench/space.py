"""`python -m tests.bench.space`: fifty listeners on what ``kallos space`` writes, run as a Space runs it.

Each comes from an address of their own, fetches the sound of every pair, listens a few seconds and votes. Then all is
killed, and started again on an empty disk: whatever was called kept must be there.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil

from tests.webapp.hosting.test_space import OF_A_PAGE, Space, write_space

OUTCOMES = ("left", "right", "left", "equal", "right", "neither", "left")
READY_CLIPS = 12
KEPT_WITHIN_S = 15.0


@dataclass
class Visit:
    """What one listener met: milliseconds of each kind of request, answers by status, and what was counted."""

    took_ms: dict[str, list[float]] = field(default_factory=lambda: {"pairs": [], "vote": [], "sound": []})
    statuses: Counter[int] = field(default_factory=Counter)
    token: str = ""
    votes: int = 0
    picks: int = 0
    kept_s: float | None = None


def visit(url: str, number: int, until: float, pause_s: float) -> Visit:
    """Listen and vote until then; ``kept_s``: after how long the last vote was called kept."""
    met = Visit()
    headers = {**OF_A_PAGE, "X-Forwarded-For": f"203.0.113.{number + 1}"}
    with httpx.Client(base_url=url, timeout=60, headers=headers) as client:

        def ask(kind: str, method: str, path: str, body: object = None) -> httpx.Response:
            begun = time.perf_counter()
            answer = client.request(method, path, json=body)
            met.took_ms[kind].append((time.perf_counter() - begun) * 1000)
            met.statuses[answer.status_code] += 1
            return answer

        met.token = client.get("/api/listener").json()["listener_token"]
        client.headers["Authorization"] = f"Bearer {met.token}"
        offers = ask("pairs", "GET", "/api/offers").json()
        while time.monotonic() < until:
            for side in ("left", "right"):
                ask("sound", "GET", offers[0][side]["audio_url"])
            time.sleep(pause_s)
            heard = {"left": int(pause_s * 500), "right": int(pause_s * 500)}
            outcome = OUTCOMES[(number + met.votes) % len(OUTCOMES)]
            answer = ask(
                "vote", "POST", f"/api/offers/{offers[0]['offer_id']}/vote", {"outcome": outcome, "heard_ms": heard}
            )
            if answer.status_code == 200:
                met.votes += 1
                met.picks, offers = answer.json()["picks"], answer.json()["open"]
        begun = time.monotonic()
        while time.monotonic() - begun < KEPT_WITHIN_S:
            if client.get("/api/listener/kept").json()["kept"]:
                met.kept_s = time.monotonic() - begun
                break
            time.sleep(0.2)
    return met


def memory_mb(space: Space) -> float:
    """Of the Space's process, all that it started and its Postgres; what is shared counts for each of them."""
    tree = [psutil.Process(space.process.pid), *psutil.Process(space.process.pid).children(recursive=True)]
    return sum(each.memory_info().rss for each in tree) / 1e6


def main() -> None:
    """Print what fifty listeners met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listeners", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--pause", type=float, default=6.0, help="seconds that a listener hears a pair")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kallos-space-"))
    folder.chmod(0o755)
    bucket = folder / "bucket"
    bucket.mkdir(mode=0o777)
    bucket.chmod(0o777)
    try:
        write_space(folder / "space")
        begun = time.monotonic()
        space = Space(folder / "space", folder / "disk-1", bucket, pool=READY_CLIPS)
        try:
            space.wait_for(READY_CLIPS)
            ready_s, url = time.monotonic() - begun, f"http://127.0.0.1:{space.port}"
            until = time.monotonic() + given.seconds
            with ThreadPoolExecutor(given.listeners) as together:
                met = list(together.map(lambda each: visit(url, each, until, given.pause), range(given.listeners)))
            memory = memory_mb(space)
        finally:
            space.kill()
        _print(met, ready_s, memory, given.seconds)
        again = Space(folder / "space", folder / "disk-2", bucket, pool=READY_CLIPS)
        try:
            again.wait_for(0)
            lost = sum(each.picks - _picks(again, each) for each in met if each.kept_s is not None)
            print(f"picks that were called kept and lost with the disk  {lost}")
        finally:
            again.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _picks(space: Space, met: Visit) -> int:
    answer = space.client.get("/api/listener", headers={"Authorization": f"Bearer {met.token}"})
    return int(answer.json()["picks"])


def _print(met: list[Visit], ready_s: float, memory: float, seconds: float) -> None:
    statuses = sum((each.statuses for each in met), Counter())
    picks = sum(each.picks for each in met)
    machine = f"{os.cpu_count()} cores ({platform.machine()}), load {os.getloadavg()[0]:.1f}"
    print(f"{len(met)} listeners, {seconds:g} s, {machine}")
    print(f"until {READY_CLIPS} clips were ready  {ready_s:.0f} s")
    votes = sum(each.votes for each in met)
    print(f"votes  {votes} ({votes / seconds:.1f} a second), of which picks {picks}")
    print(f"answers by status  {dict(statuses)}")
    for kind in ("pairs", "vote", "sound"):
        took = np.concatenate([each.took_ms[kind] for each in met])
        low, high = np.percentile(took, [50, 95])
        print(
            f"{kind}  {len(took)} requests, median {low:.0f} ms, 95 % within {high:.0f} ms, longest {took.max():.0f} ms"
        )
    kept = [each.kept_s for each in met if each.kept_s is not None]
    print(f"called kept  {len(kept)} of {len(met)}, the last after {max(kept, default=float('nan')):.1f} s")
    print(f"memory  {memory:.0f} MB")


if __name__ == "__main__":
    main()
