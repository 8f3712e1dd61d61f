"""A listener's dream, a long task: it goes on whoever looks, is looked at step by step, and can be stopped."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from models.rating import real_sounds
from webapp.runtime.database import Database
from webapp.runtime.errors import NotAllowed, NotReady, Problem
from webapp.runtime.listener_files import KeptDreams
from webapp.runtime.long_tasks import LongTask, lines_in

Method = Literal["naive", "regularised", "critic", "both"]
Surface = Literal["picture", "waveform"]
FEWEST, STEPS = 8, 96
SECONDS = 300  # at most
MOST_SEED = 1_000_000
ORDER = "order.json"
TASK = LongTask(
    "dream",
    "webapp.rating.dreaming_process",
    SECONDS,
    busy="another dream is being dreamt; it takes a minute or two, try again then",
    broken="the dream broke off; try another noise, or again in a moment",
)


@dataclass(frozen=True)
class Order:
    """What is dreamt: by which method, from which noise, for how many steps.

    ``surface`` is what it changes: the picture that the network sees, or the waveform itself.
    """

    way: str = "both"
    seed: int = 1
    surface: str = "picture"
    steps: int = STEPS

    def check(self) -> None:
        """Raises ``NotAllowed`` for a way, a surface, a seed or a number of steps that there isn't."""
        known = self.way in get_args(Method) and self.surface in get_args(Surface)
        if not known or not 0 <= self.seed <= MOST_SEED or not FEWEST <= self.steps <= STEPS:
            raise NotAllowed(
                f"{self.way}, {self.surface}, {self.seed} and {self.steps} steps were given; a way is one of "
                f"{', '.join(get_args(Method))}, what it changes one of {', '.join(get_args(Surface))}, "
                f"a seed 0 to {MOST_SEED}, steps {FEWEST} to {STEPS}"
            )


@dataclass(frozen=True)
class DreamtStep:
    """p and the judge's p, in standard deviations of p; the critic's word; whether p rises and the judge does not."""

    step: int
    p: float
    judge: float
    realness: float | None
    alarm: bool


@dataclass(frozen=True)
class Dreaming:
    """How far a dream has come; ``dream`` and ``trail`` are WAV files where it came to its end.

    It ``ended`` without them where it was stopped, or by itself for a ``problem``. ``seconds_left``: as the dreams
    before it took, None where unknown.
    """

    order: Order
    steps: tuple[DreamtStep, ...]
    dream: bytes = b""
    trail: bytes = b""
    ended: bool = False
    problem: Problem | None = None
    seconds_left: float | None = None


def known_to_critic(model: str) -> str:
    """Which sounds the critic of dreams by ``model`` knows, in a sentence; "" where that can't be read."""
    try:
        return real_sounds.sentence(model)
    except (OSError, ValueError):
        return ""


def begin(database: Database, home: Path, listener_id: uuid.UUID, order: Order, *, model: str) -> None:
    """Begin a dream in place of the listener's last one; it needs nobody who follows it.

    Raises ``NotAllowed`` for an order that can't be, ``TooMany`` and ``NotReady``.
    """
    order.check()
    if not model:
        raise NotReady("there is no rating network here; python -m models.train.rating makes one")

    def prepared() -> Path:
        folder = KeptDreams(home).begin(listener_id)
        (folder / ORDER).write_text(json.dumps(asdict(order)), encoding="utf-8")
        return folder

    given = [model, order.way, str(order.seed), str(order.steps), order.surface]
    TASK.begin(database, home, listener_id, prepared, given)


def look(database: Database, home: Path, listener_id: uuid.UUID) -> Dreaming | None:
    """How far the listener's last dream has come, or what came of it; None where there is none."""
    dreams = KeptDreams(home)
    folder = dreams.run(listener_id)
    if not (folder / ORDER).is_file():
        return None
    task = TASK.look(database, home, listener_id)
    ended = task is None or task.ended
    sounds = (dreams.dreamt(listener_id) if ended else None) or (b"", b"")
    steps = tuple(DreamtStep(**line) for line in lines_in(folder))
    order = Order(**json.loads((folder / ORDER).read_text(encoding="utf-8")))
    problem, left = (task.problem, task.seconds_left) if task else (None, None)
    return Dreaming(order, steps, *sounds, ended=ended, problem=problem, seconds_left=left)
