"""What votes cost, how many fit into a second, and how fifty newcomers fare who come at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import event

from webapp.context import Context
from webapp.listeners import accounts

WARM_UP = 10
OUTCOMES = ("left", "right", "left", "left", "equal", "right", "left", "neither")
BEFORE_PICK = 8  # the first clip made for a listener is to be there


class Browser(Protocol):
    """A listener over HTTP, as the benchmark has them."""

    open: list[dict[str, Any]]
    client: Any

    def vote(self) -> float: ...

    def offers(self) -> list[dict[str, Any]]: ...


@dataclass(frozen=True)
class Cost:
    """Of each vote: SQL statements (BEGIN and COMMIT are not counted), processor milliseconds of this process."""

    statements: list[float]
    cpu_ms: list[float]


def cost_of_votes(context: Context, votes: int) -> Cost:
    """Votes of one listener in this process, beside the running application: what is left is the way over HTTP."""
    listener = accounts.create(context.database)
    waiting = context.pairs.open(listener)
    sent: list[str] = []
    event.listen(context.database.engine, "before_cursor_execute", lambda *given: sent.append(given[2]))
    cost = Cost([], [])
    for number in range(WARM_UP + votes):
        sent.clear()
        begun = time.process_time()
        waiting = context.pairs.record_vote(listener, waiting[0].id, OUTCOMES[number % 8], (4000, 4000)).open
        if number >= WARM_UP:
            cost.cpu_ms.append((time.process_time() - begun) * 1000)
            cost.statements.append(len(sent))
    return cost


@contextmanager
def all_at_once(people: int):
    """Threads that begin together: ``run(function, arguments)`` gives the results in order."""
    gate = threading.Barrier(people)
    with ThreadPoolExecutor(people) as together:

        def run(act, given):
            def begin(each):
                gate.wait()
                return act(each)

            return list(together.map(begin, given))

        yield run


def votes_a_second(listeners: list[Browser], seconds: float) -> float:
    """As many votes as these listeners can cast side by side, without a pause and without fetching sound."""
    end = time.monotonic() + seconds

    def cast(listener: Browser) -> int:
        count = 0
        while time.monotonic() < end:
            offer = (listener.open or listener.offers())[0]
            body = {"outcome": "left" if count % 2 else "right", "heard_ms": {"left": 4000, "right": 4000}}
            answer = listener.client.post(f"/api/offers/{offer['offer_id']}/vote", json=body)
            answer.raise_for_status()
            listener.open = answer.json()["open"]
            count += 1
        return count

    begun = time.monotonic()
    with all_at_once(len(listeners)) as run:
        return sum(run(cast, listeners)) / (time.monotonic() - begun)


def first_offers_ms(people: int, arrive) -> tuple[list[float], list[Any]]:
    """Milliseconds until each of so many newcomers, who come at once, has a pair; and the newcomers."""

    def come(number: int) -> tuple[float, Any]:
        begun = time.perf_counter()
        newcomer = arrive(number)
        return (time.perf_counter() - begun) * 1000, newcomer

    with all_at_once(people) as run:
        found = run(come, range(people))
    return [took for took, _ in found], [newcomer for _, newcomer in found]


def first_clip_picks(newcomers: list[Browser], pause_s: float, most: int = 24) -> list[int]:
    """After how many picks the first clip composed for each newcomer was ready; ``most`` where it was not by then."""

    def listen(newcomer: Browser) -> int:
        for _ in range(most):
            begun = time.monotonic()
            newcomer.vote()
            time.sleep(max(0.0, pause_s - (time.monotonic() - begun)))
            about = newcomer.client.get("/api/listener").json()
            if about["first_composed"]["ready"]:
                picks: int = about["picks"]
                return picks
        return most

    with all_at_once(len(newcomers)) as run:
        return run(listen, newcomers)
