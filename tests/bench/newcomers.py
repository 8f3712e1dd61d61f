"""Fifty newcomers without cookies who arrive within five seconds and vote twelve times, one vote in ten sent twice.

``python tests/bench/newcomers.py`` starts the application on a fresh home and lets them come a minute later, while the
pool still fills; the client runs on the same machine. With ``--url`` they come to a page that runs already.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

PEOPLE, VOTES = 50, 12
ARRIVE_S = 5.0
PAUSES_S = (2.5, 7.5)
TWICE = 0.1  # of the votes are sent twice at the same moment
OUTCOMES = ("left", "right", "left", "right", "left", "right", "equal", "neither")
PATIENCE_S = 120.0  # for the first composed pieces, after the last vote


@dataclass
class Fared:
    """How newcomers fared: milliseconds of each vote and of each first offer, what was kept, what was composed."""

    vote_ms: list[float] = field(default_factory=list)
    first_offer_ms: list[float] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)  # votes of each
    composed: list[bool] = field(default_factory=list)  # whether the first piece for each is there
    sent_twice: int = 0

    def text(self) -> str:
        """In one line."""
        p50, p95, worst = (np.quantile(self.vote_ms, share) for share in (0.5, 0.95, 1.0))
        first = np.quantile(self.first_offer_ms, 0.95)
        return (
            f"votes p50 {p50:.0f} ms, p95 {p95:.0f} ms, worst {worst:.0f} ms; first offers p95 {first:.0f} ms; "
            f"{sum(self.kept)} votes kept of {len(self.vote_ms)}, {self.sent_twice} of them sent twice; "
            f"{sum(self.composed)} of {len(self.composed)} first pieces composed"
        )


async def _timed(request: Any) -> tuple[float, httpx.Response]:
    begun = time.perf_counter()
    answer = await request
    took = (time.perf_counter() - begun) * 1000
    return took, answer.raise_for_status()


class _Newcomer:
    """A browser whose page is open: its cookies, and what it has loaded."""

    def __init__(self, url: str, seed: int, fared: Fared) -> None:
        # As a browser says it, whose cookie is believed: the request comes from the page itself.
        headers = {"Sec-Fetch-Site": "same-origin"}
        self._client = httpx.AsyncClient(base_url=url, timeout=60, trust_env=False, headers=headers)
        self._chance, self._fared, self._known = random.Random(seed), fared, set[str]()

    async def vote_often(self) -> None:
        """Arrive, and vote as often as everybody does."""
        await asyncio.sleep(self._chance.uniform(0, ARRIVE_S))
        took, answer = await _timed(self._client.get("/api/offers"))
        self._fared.first_offer_ms.append(took)
        offers = answer.json()
        for _ in range(VOTES):
            until = time.monotonic() + self._chance.uniform(*PAUSES_S)
            await self._load(offers)
            await asyncio.sleep(max(0.0, until - time.monotonic()))
            offers = await self._vote(offers[0]["offer_id"])

    async def _vote(self, offer_id: str) -> list[dict[str, Any]]:
        """Vote, perhaps twice at the same moment; what is open then."""
        body = {"outcome": self._chance.choice(OUTCOMES), "heard_ms": {"left": 2000, "right": 2000}}
        times = 2 if self._chance.random() < TWICE else 1
        self._fared.sent_twice += times - 1
        sent = (_timed(self._client.post(f"/api/offers/{offer_id}/vote", json=body)) for _ in range(times))
        (took, answer), *_ = await asyncio.gather(*sent)
        self._fared.vote_ms.append(took)
        offers: list[dict[str, Any]] = answer.json()["open"]
        return offers

    async def _load(self, offers: list[dict[str, Any]]) -> None:
        """What a page loads of pairs that are new to it."""
        for offer in offers:
            for side in ("left", "right"):
                for address in (offer[side]["audio_url"], offer[side]["notes_url"]):
                    if address not in self._known:
                        self._known.add(address)
                        (await self._client.get(address)).raise_for_status()

    async def look(self) -> None:
        """Wait for the first piece of their own, then count the votes that are kept."""
        end = time.monotonic() + PATIENCE_S
        while not (ready := await self._has_a_piece()) and time.monotonic() < end:
            await asyncio.sleep(1)
        self._fared.composed.append(ready)
        offers = (await self._client.get("/api/listener/export")).json()["offers"]
        self._fared.kept.append(sum(offer["vote"] is not None for offer in offers))
        await self._client.aclose()

    async def _has_a_piece(self) -> bool:
        about = (await self._client.get("/api/listener")).json()
        return bool(about["first_composed"]["ready"])


def come(url: str, people: int = PEOPLE) -> Fared:
    """Let so many come; how they fared."""
    fared = Fared()
    newcomers = [_Newcomer(url, seed, fared) for seed in range(people)]

    async def all_of_them() -> None:
        await asyncio.gather(*(each.vote_often() for each in newcomers))
        await asyncio.gather(*(each.look() for each in newcomers))

    asyncio.run(all_of_them())
    return fared


def main() -> None:
    """Print how they fared."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="")
    parser.add_argument("--after", type=float, default=60.0, help="seconds after its start")
    parser.add_argument("--people", type=int, default=PEOPLE)
    given = parser.parse_args()
    if given.url:
        print(come(given.url, given.people).text())
        return
    from bench import serving

    with (
        tempfile.TemporaryDirectory(prefix="kallos-newcomers-") as folder,
        serving(Path(folder), visited=False) as site,
    ):
        print(f"it was well after {site.start_seconds:.1f} s", flush=True)
        time.sleep(max(0.0, given.after - site.start_seconds))
        print(site.pool(), flush=True)
        print(come(site.url, given.people).text())
        print(site.pool(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
