from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import pytest

from db.engine import built_once
from db.queries import clips, listeners, offers, votes
from webapp.listeners import accounts

pytestmark = pytest.mark.slow

TOGETHER = 6
TIMES = 12


@pytest.fixture
def _hasty_threads() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def forget_statements(engine) -> None:
    """As in a process that has just started."""
    for module in (clips, listeners, offers, votes):
        for one in vars(module).values():
            if isinstance(one, built_once):
                one.forget()
    engine.clear_compiled_cache()


@pytest.mark.usefixtures("_hasty_threads")
@pytest.mark.parametrize(("kind", "outcome", "heard"), [("pairs", "left", 2), ("best_of_four", "c", 4)])
def test_the_first_votes_of_a_process_are_cast_at_once(context, stock, kind, outcome, heard):
    stock("pop", 24)
    voting = getattr(context, kind)
    theirs = [accounts.create(context.database) for _ in range(TOGETHER)]
    for number in range(TIMES):
        forget_statements(context.database.engine)
        start = Barrier(TOGETHER)

        def vote(listener: UUID, start: Barrier = start, number: int = number) -> int:
            start.wait()
            waiting = voting.open(listener)
            recorded = voting.record_vote(listener, waiting[0].id, outcome, [3000] * heard)
            assert recorded.picks == number + 1
            return len(recorded.open)

        with ThreadPoolExecutor(TOGETHER) as together:
            assert list(together.map(vote, theirs)) == [2] * TOGETHER
