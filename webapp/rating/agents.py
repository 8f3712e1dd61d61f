"""An agent that learns at the piano for a listener, a long task, and is compared with the writer.

It learns on whoever looks, is looked at step by step, and can be stopped.
"""

from __future__ import annotations

import json
import tempfile
import threading
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from sqlalchemy.orm import Session

from models.music.notes import DOMAINS
from models.taste.head import Head
from webapp.learning import heads
from webapp.listeners.accounts import Records
from webapp.runtime import supervised_process
from webapp.runtime.database import Database
from webapp.runtime.errors import NotAllowed, NotReady, Problem
from webapp.runtime.listener_files import HEARD, Adapters
from webapp.runtime.long_tasks import LongTask, lines_in
from webapp.runtime.waiting import slot

RewardName = Literal["network", "head", "sum", "tension", "mixture"]
STEPS = 16
SECONDS = 1_200  # at most
MOST_SEED = 1_000_000
PLAYS_S = 120  # at most, until eight bars are played
ORDER = "order.json"
TASK = LongTask(
    "agent",
    "webapp.rating.agent_process",
    SECONDS,
    busy="another agent is learning; it takes some minutes, try again then",
    broken="the agent broke off; try another seed, or again in a moment",
)
_playing = threading.BoundedSemaphore(1)


@dataclass(frozen=True)
class LearntStep:
    """Means over the clips of a step: their reward, the judge's p (None where it isn't asked), divergence in nats."""

    step: int
    reward: float | None
    judge: float | None
    kl: float


@dataclass(frozen=True)
class Order:
    """What an agent is to learn: from which reward, in which domain, by which seed, for how many steps."""

    reward: str = "network"
    domain: str = "dance"
    seed: int = 1
    steps: int = STEPS

    def check(self) -> None:
        """Raises ``NotAllowed`` where there is no such thing."""
        if self.reward not in get_args(RewardName) or self.domain not in DOMAINS or not 0 <= self.seed <= MOST_SEED:
            raise NotAllowed(
                f"{self.reward}, {self.domain} and {self.seed} were given; a reward is one of "
                f"{', '.join(get_args(RewardName))}, a domain one of {', '.join(DOMAINS)}, a seed 0 to {MOST_SEED}"
            )


@dataclass(frozen=True)
class Learning:
    """How far an agent has come; ``pairs`` are WAV files (before, after) where it came to its end.

    It ``ended`` without them where it was stopped, or by itself for a ``problem``. ``seconds_left``: as the agents
    before it took, None where unknown.
    """

    order: Order
    steps: tuple[LearntStep, ...]
    pairs: tuple[tuple[bytes, bytes], ...] = ()
    ended: bool = False
    problem: Problem | None = None
    seconds_left: float | None = None


def begin(records: Records, style: Path, rating: str, listener_id: uuid.UUID, order: Order) -> None:
    """Have an agent learn in place of the listener's last one; it needs nobody who follows it.

    Raises ``NotAllowed`` for an order that can't be, ``TooMany`` and ``NotReady``.
    """
    order.check()
    if order.reward in {"network", "sum", "mixture"} and not rating:
        raise NotReady("there is no rating network here; python -m models.train.rating makes one")
    head = _head(records, listener_id) if order.reward in {"head", "sum", "mixture"} else None
    if head is None and order.reward in {"head", "sum"}:
        raise NotReady("you have not picked yet; pick some pairs first, or let something else be the reward")

    def prepared() -> Path:
        folder = Adapters(records.home).begin(listener_id)
        if head is not None:
            with (folder / "head.npz").open("wb") as file:
                np.savez(file, allow_pickle=False, mean=head.mean, covariance=head.covariance, version=head.version)
        (folder / ORDER).write_text(json.dumps(asdict(order)), encoding="utf-8")
        return folder

    given = [str(style), rating, order.reward, order.domain, str(order.seed), str(order.steps)]
    TASK.begin(records.database, records.home, listener_id, prepared, given)


def look(database: Database, home: Path, listener_id: uuid.UUID) -> Learning | None:
    """How far the listener's last agent has come, or what came of it; None where there is none."""
    folder = Adapters(home).run(listener_id)
    if not (folder / ORDER).is_file():
        return None
    task = TASK.look(database, home, listener_id)
    ended = task is None or task.ended
    pairs = _pairs(folder / HEARD) if ended else ()
    steps = tuple(LearntStep(**line) for line in lines_in(folder))
    order = Order(**json.loads((folder / ORDER).read_text(encoding="utf-8")))
    problem, left = (task.problem, task.seconds_left) if task else (None, None)
    return Learning(order, steps, pairs, ended, problem, left)


def play(records: Records, style: Path, listener_id: uuid.UUID, seed: int) -> bytes:
    """Eight new bars by the agent that the listener kept, a WAV file; raises ``NotAllowed`` and ``NotReady``."""
    kept = Adapters(records.home).kept(listener_id)
    if not kept.is_dir():
        raise NotAllowed("you keep no agent yet; let one learn, then keep it")
    return played_by(kept, style, seed)


def played_by(agent: Path, style: Path, seed: int, domain: str = "") -> bytes:
    """Eight new bars by the agent in a folder, of the first ``domain`` that it learned by default, a WAV file.

    Raises ``NotReady``.
    """
    busy = NotReady("another agent is playing; try again in a moment")
    with slot(_playing, busy), tempfile.TemporaryDirectory(prefix="kallos-agent-") as place:
        file = Path(place) / "agent.wav"
        supervised_process.run_program(
            "webapp.rating.agent_plays", str(agent), str(style), str(seed), str(file), domain, seconds=PLAYS_S,
            late="the agent took too long; try again when Kallos is less busy",
            broken="the agent can't play: it learned on another composer; let one learn again",
        )  # fmt: skip
        return file.read_bytes()


def _head(records: Records, listener_id: uuid.UUID) -> Head | None:
    """What the listener's votes have taught; None before there is anything."""

    def work(session: Session) -> Head | None:
        head = heads.load(session, listener_id, records.space)
        return head if head.votes_seen else None

    return records.database.transaction(work)


def _pairs(folder: Path) -> tuple[tuple[bytes, bytes], ...]:
    """What the writer and the agent play; none before the end."""
    numbers = range(len(list(folder.glob("after-*.wav"))))
    return tuple(
        ((folder / f"before-{each}.wav").read_bytes(), (folder / f"after-{each}.wav").read_bytes()) for each in numbers
    )
