"""Two web processes and two workers share a Postgres, a journal and a clip store, and are killed in turn."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, select

from db.tables import Clip, Job
from tests.faults import PATIENCE_S, Site, Voter
from webapp.composing import wishes
from webapp.context import Context
from webapp.listeners import restore

pytestmark = [pytest.mark.slow, pytest.mark.durability]

LISTENERS = 2
A_LISTENER_TAKES_S = 0.5
CLIPS = {"pop": 64, "dance": 4, "chorale": 4}  # of which nobody has heard nearly all
VOTES_BEFORE_A_FALL = (3, 8)
FALLS = ((0, "worker"), (0, "web"), (1, "worker"), (1, "web"))
OF_LISTENERS = ("listeners", "offers", "votes", "predictions", "listening", "heads")


@pytest.fixture
def sites(context: Context, stock, served_with, tmp_path: Path) -> Iterator[list[Site]]:
    """Two of ``kallos serve``, each with a worker of its own, beside a pool and one generator."""
    for domain, clips in CLIPS.items():
        stock(domain, clips)
    sites = [Site(context.settings.home, tmp_path / f"log-{number}", served_with) for number in range(2)]
    yield sites
    for site in sites:
        site.stop()


@pytest.fixture
def voters(sites: list[Site]) -> Iterator[list[Voter]]:
    """Each asks one web process and then the other, as behind a proxy."""
    voters = [Voter(sites, seed) for seed in range(LISTENERS)]
    yield voters
    for voter in voters:
        voter.close()


def fall_in_turn(sites: list[Site], votes: Callable[[], int]) -> None:
    """Kill each part at a random point a few votes after the one before; no web process before the other answers."""
    chance = random.Random(3)
    for number, part in FALLS:
        until, end = votes() + chance.randint(*VOTES_BEFORE_A_FALL), time.monotonic() + PATIENCE_S
        while votes() < until or not all(site.health() for site in sites):
            assert time.monotonic() < end, "\n".join(site.tail() for site in sites)
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.1))
        assert sites[number].kill(part), f"{part} {number} was not running"


def commissions_done(context: Context) -> list[Job]:
    """What was composed for listeners, once it is all done."""
    asked, end = select(Job).where(Job.kind == wishes.KIND), time.monotonic() + PATIENCE_S
    while True:
        jobs = context.database.transaction(lambda session: list(session.scalars(asked)))
        if not {"waiting", "running"} & {job.state for job in jobs}:
            return jobs
        assert time.monotonic() < end, [(job.state, job.error) for job in jobs]
        time.sleep(0.2)


@pytest.mark.timeout(900)
def test_no_vote_is_lost_or_doubled_and_no_work_done_twice_whichever_of_them_is_killed(
    context, sites, voters, tables, another_context
) -> None:
    sites[0].wait_for_clips(CLIPS["pop"])
    for voter in voters:
        voter.arrive()
    falling = threading.Event()
    falling.set()

    def vote_while_they_fall(voter: Voter) -> None:
        while falling.is_set():
            voter.vote()
            time.sleep(A_LISTENER_TAKES_S)

    def votes() -> int:
        return sum(len(voter.acknowledged) for voter in voters)

    with ThreadPoolExecutor(LISTENERS) as together:
        voting = [together.submit(vote_while_they_fall, voter) for voter in voters]
        try:
            fall_in_turn(sites, votes)
        finally:
            falling.clear()
        for each in voting:
            each.result()
    done = commissions_done(context)
    for voter in voters:
        voter.expect_all_votes_once()
    own = select(func.count()).select_from(Clip).where(Clip.composed_for.is_not(None))
    stored = context.database.transaction(lambda session: session.scalar(own))
    assert {job.state for job in done} == {"done"}
    assert stored == sum(job.result["clips"] + job.result["rivals"] for job in done) > 0
    rebuilt = another_context(context.settings.home, migrated=False)
    assert restore.rebuild(rebuilt.database, rebuilt.journal, rebuilt.spaces).problems == []
    mine, theirs = tables(context), tables(rebuilt)
    for name in OF_LISTENERS:
        assert theirs[name] == mine[name], name
