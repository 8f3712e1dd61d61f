"""`kill -9` of web, worker, generator and Postgres while votes are cast: none acknowledged is lost, none is doubled.

Nor is the very first vote of somebody of whom nothing was stored before it, whatever falls right after the answer.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, repeat

import pytest

from tests.faults import Site, Voter, fill_pool

pytestmark = [pytest.mark.slow, pytest.mark.durability]

VOTES = 160
LISTENERS = 4
CLIPS = 60  # so that next to none is composed meanwhile
PARTS = ("postgres", "worker", "web", "generator")
BETWEEN_FALLS = (16, 28)  # votes: every part falls, and then Postgres once or twice more


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("kallos")
    fill_pool(folder / "home", CLIPS)
    runs = str(folder / "runs")  # named, so that no shipped run is copied there
    site = Site(folder / "home", folder / "log", {"KALLOS_POOL": "2", "KALLOS_RUNS": runs})
    yield site
    site.stop()


def fall_again_and_again(site: Site, votes: Callable[[], int], voting: threading.Event, falls: list[str]) -> None:
    """Kill one part after another, each at a random point a few votes after the last fall, as soon as it runs."""
    chance = random.Random(2)
    for part in chain(chance.sample(PARTS, len(PARTS)), repeat("postgres")):
        until = votes() + chance.randint(*BETWEEN_FALLS)
        while votes() < until:
            if not voting.is_set():
                return
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.1))
        while not site.kill(part):
            if not voting.is_set():
                return
            time.sleep(0.005)
        falls.append(part)


@pytest.fixture
def voters(site: Site):
    voters = [Voter([site], seed) for seed in range(LISTENERS)]
    yield voters
    for voter in voters:
        voter.close()


@pytest.mark.timeout(900)
def test_no_acknowledged_vote_is_lost_or_doubled_whatever_is_killed(site: Site, voters: list[Voter]) -> None:
    site.wait_for_clips(CLIPS)
    for voter in voters:
        voter.arrive()
    falls: list[str] = []
    voting = threading.Event()

    def votes() -> int:
        return sum(len(voter.acknowledged) for voter in voters)

    def vote_often(voter: Voter) -> None:
        for _ in range(VOTES // LISTENERS):
            voter.vote()

    with ThreadPoolExecutor(LISTENERS + 1) as together:
        voting.set()
        killing = together.submit(fall_again_and_again, site, votes, voting, falls)
        try:
            list(together.map(vote_often, voters))
        finally:
            voting.clear()
        killing.result()
    assert set(PARTS) <= set(falls), falls
    for voter in voters:
        voter.expect_all_votes_once()
    assert votes() == VOTES


@pytest.mark.timeout(900)
def test_the_first_vote_of_a_newcomer_outlives_a_fall_right_after_its_answer(site: Site) -> None:
    site.wait_for_clips(CLIPS)
    for fallen in (("postgres",), ("postgres", "web")):
        voter = Voter([site], seed=0)
        voter.arrive()
        offer = voter.insist("GET", "/api/offers")[0]["offer_id"]
        body = {"outcome": "left", "heard_ms": {"left": 3000, "right": 3000}}
        assert voter.insist("POST", f"/api/offers/{offer}/vote", body)["picks"] == 1
        assert [site.kill(part) for part in fallen] == [True] * len(fallen)
        voter.acknowledged[offer] = "left"
        voter.expect_all_votes_once()
        assert voter.insist("GET", "/api/offers")[0]["offer_id"] != offer
        voter.close()
