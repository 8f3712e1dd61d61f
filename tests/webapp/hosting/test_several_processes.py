"""Two web processes and two workers share a Postgres, a journal and a clip store; one of each is killed."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select

from db.queries.offers import met_among
from db.tables import OWN, Clip, Job
from tests.faults import PATIENCE_S, Site, Voter
from webapp.composing import wishes
from webapp.context import Context
from webapp.listeners import restore

pytestmark = [pytest.mark.slow, pytest.mark.durability]

LISTENERS = 2
A_LISTENER_TAKES_S = 0.5
CLIPS = {"pop": 64, "dance": 4, "chorale": 4}  # of which nobody has heard nearly all
VOTES, VOTES_BEFORE_A_FALL = 28, (3, 8)  # of all listeners; a few more come after the last fall
OF_LISTENERS = ("listeners", "offers", "votes", "predictions", "listening", "heads")


@pytest.fixture
def sites(context: Context, stock, served_with, tmp_path: Path) -> Iterator[list[Site]]:
    """Two of ``kallos serve``, each with a worker of its own, beside a pool and one generator."""
    for domain, clips in CLIPS.items():
        stock(domain, clips)
    sites = [Site(context.settings.home, tmp_path / f"log-{number}", served_with) for number in range(2)]
    yield sites
    for site in sites:
        site.process.kill()  # and so its worker
    for site in sites:
        site.process.wait()


@pytest.fixture
def voters(sites: list[Site]) -> Iterator[list[Voter]]:
    """Each asks one web process and then the other, as behind a proxy."""
    voters = [Voter(sites, seed) for seed in range(LISTENERS)]
    yield voters
    for voter in voters:
        voter.close()


class Falls:
    """A web process and its worker, and then the other worker, are killed while listeners vote, each at random."""

    def __init__(self, context: Context, sites: list[Site], voters: list[Voter]) -> None:
        self.allowed = VOTES
        self.broken_off: set[int] = set()  # what nobody composes on
        self._context, self._sites, self._voters = context, sites, voters

    def votes(self) -> int:
        return sum(len(voter.acknowledged) for voter in self._voters)

    def happen(self) -> None:
        chance = random.Random(3)
        before = chance.randint(*VOTES_BEFORE_A_FALL)
        self._wait_until(lambda: self.votes() >= before and all(site.health() for site in self._sites))
        time.sleep(chance.uniform(0, 0.1))
        self._kill(1, "web")
        # what is composed now is so by the worker that is left
        self._wait_until(lambda: "running" in {job.state for job in commissions(self._context)})
        self._kill(0, "worker")
        self.broken_off = {job.id for job in commissions(self._context) if job.state == "running"}
        self._wait_until(lambda: self.votes() >= VOTES and all(site.health() for site in self._sites))
        self.allowed += VOTES_BEFORE_A_FALL[0]
        self._wait_until(lambda: self.votes() >= self.allowed)

    def _kill(self, number: int, part: str) -> None:
        assert self._sites[number].kill(part), f"{part} {number} was not running"

    def _wait_until(self, so: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not so():
            assert time.monotonic() < end, "\n".join(site.tail() for site in self._sites)
            time.sleep(0.1)


def commissions(context: Context) -> list[Job]:
    """What is composed for listeners."""
    asked = select(Job).where(Job.kind == wishes.KIND)
    return context.database.transaction(lambda session: list(session.scalars(asked)))


def commissions_done(context: Context) -> list[Job]:
    """The same once it is all done."""
    end = time.monotonic() + PATIENCE_S
    while True:
        jobs = commissions(context)
        if not {"waiting", "running"} & {job.state for job in jobs}:
            return jobs
        assert time.monotonic() < end, [(job.state, job.error) for job in jobs]
        time.sleep(0.2)


def expect_each_clip_once(context: Context, done: list[Job], broken_off: set[int]) -> None:
    """Of each commission as many own clips as it says, by its seeds; of each baseline one at most that is not met yet.

    A baseline that a killed worker had stored is not counted by who does the work again, and not made again.
    """

    def look(session) -> tuple[list[Clip], set]:
        clips = list(session.scalars(select(Clip).where(Clip.composed_for.is_not(None))))
        whose = {clip.composed_for for clip in clips}
        met = [met_among(session, each, [clip.id for clip in clips]) for each in whose]
        return clips, set().union(*met)

    clips, met = context.database.transaction(look)
    assert {job.state for job in done} == {"done"}
    own = Counter(clip.recipe["seed"] >> 8 for clip in clips if clip.kind in OWN)
    assert own == Counter({job.id: job.result["clips"] for job in done})
    assert own
    assert {job.id for job in done if job.attempts > 1} >= broken_off
    beside = Counter((clip.composed_for, clip.kind) for clip in clips if clip.kind not in OWN and clip.id not in met)
    assert set(beside.values()) <= {1}, beside


def test_no_vote_is_lost_or_doubled_and_no_work_done_twice_whichever_of_them_is_killed(
    context, sites, voters, tables, another_context
) -> None:
    sites[0].wait_for_clips(CLIPS["pop"])
    for voter in voters:
        voter.arrive()
    falls = Falls(context, sites, voters)
    over = threading.Event()

    def vote_while_they_fall(voter: Voter) -> None:
        while not over.wait(A_LISTENER_TAKES_S):
            if falls.votes() < falls.allowed:
                voter.vote()

    with ThreadPoolExecutor(LISTENERS) as together:
        voting = [together.submit(vote_while_they_fall, voter) for voter in voters]
        try:
            falls.happen()
        finally:
            over.set()
        for each in voting:
            each.result()
    done = commissions_done(context)
    for voter in voters:
        voter.expect_all_votes_once()
    expect_each_clip_once(context, done, falls.broken_off)
    rebuilt = another_context(context.settings.home, migrated=False)
    assert restore.rebuild(rebuilt.database, rebuilt.journal, rebuilt.spaces).problems == []
    mine, theirs = tables(context), tables(rebuilt)
    for name in OF_LISTENERS:
        assert theirs[name] == mine[name], name
