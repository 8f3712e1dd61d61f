"""A listener's dream in a process of its own: it goes on whoever looks, is looked at step by step, and can be ended."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from webapp.runtime.errors import NotAllowed, NotReady
from webapp.runtime.followed_process import FollowedProcess, lines_in, until_ended
from webapp.runtime.listener_files import KeptDreams

Method = Literal["naive", "regularised", "critic", "both"]
Surface = Literal["picture", "waveform"]
STEPS = 96
SECONDS = 300  # at most
MOST_SEED = 1_000_000
ORDER = "order.json"
BROKEN = "the dream broke off; try another noise, or again in a moment"

_dreams = FollowedProcess(
    "webapp.rating.dreaming_process", SECONDS, "another dream is being dreamt; it takes a minute or two, try again then"
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
        """Raises ``NotAllowed`` for a way, a surface or a seed that there isn't."""
        if self.way not in get_args(Method) or self.surface not in get_args(Surface) or not 0 <= self.seed <= MOST_SEED:
            raise NotAllowed(
                f"{self.way}, {self.surface} and {self.seed} were given; a way is one of "
                f"{', '.join(get_args(Method))}, what it changes one of {', '.join(get_args(Surface))}, "
                f"a seed 0 to {MOST_SEED}"
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
    problem: str = ""
    seconds_left: float | None = None


def begin(home: Path, listener_id: uuid.UUID, order: Order, *, model: str) -> None:
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

    _dreams.begin(listener_id, prepared, [model, order.way, str(order.seed), str(order.steps), order.surface])


def look(home: Path, listener_id: uuid.UUID) -> Dreaming | None:
    """How far the listener's last dream has come, or what came of it; None where there is none."""
    dreams = KeptDreams(home)
    folder = dreams.run(listener_id)
    if not (folder / ORDER).is_file():
        return None
    ended, problem = _dreams.outcome(listener_id, BROKEN)
    sounds = (dreams.dreamt(listener_id) if ended else None) or (b"", b"")
    steps = tuple(DreamtStep(**json.loads(line)) for line in lines_in(folder))
    order = Order(**json.loads((folder / ORDER).read_text(encoding="utf-8")))
    left = None if ended else _dreams.seconds_left(listener_id)
    return Dreaming(order, steps, *sounds, ended=ended, problem=problem, seconds_left=left)


def follow(home: Path, listener_id: uuid.UUID) -> Iterator[Dreaming]:
    """The listener's dream as it goes, some twice a second, until its end; closing the iterator leaves it going on.

    Raises ``UnknownListenerError`` where it was deleted with its listener.
    """
    return until_ended(lambda: look(home, listener_id))


def end(listener_id: uuid.UUID) -> None:
    """End the listener's dream where one goes on."""
    _dreams.end(listener_id)
