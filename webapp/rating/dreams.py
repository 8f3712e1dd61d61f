"""A dream in a process of its own, which is followed step by step and can be ended."""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from webapp.runtime.errors import NotAllowed, NotReady
from webapp.runtime.followed_process import Followed, FollowedProcess

Way = Literal["naive", "regularised", "critic", "both"]
Surface = Literal["picture", "waveform"]
STEPS = 96
SECONDS = 300  # at most
MOST_SEED = 1_000_000

_dreams = FollowedProcess(
    "webapp.rating.dreaming_process", SECONDS, "another dream is being dreamt; it takes a minute or two, try again then"
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
    """How far a dream has come; ``dream`` and ``trail`` are WAV files where it came to its end and was not stopped."""

    steps: tuple[DreamtStep, ...]
    of: int
    dream: bytes = b""
    trail: bytes = b""
    ended: bool = False


def follow(
    listener_id: uuid.UUID, way: str, seed: int, *, model: str, surface: str = "picture", steps: int = STEPS
) -> Iterator[Dreaming]:
    """A listener's dream as it goes, some twice a second, until its end or ``end``; closing the iterator ends it too.

    ``surface`` is what it changes: the picture that the network sees, or the waveform itself.
    Raises ``NotAllowed`` for a way, a surface or a seed that there isn't, and ``NotReady``.
    """
    if way not in get_args(Way) or surface not in get_args(Surface) or not 0 <= seed <= MOST_SEED:
        raise NotAllowed(
            f"{way}, {surface} and {seed} were given; a way is one of {', '.join(get_args(Way))}, what it changes one "
            f"of {', '.join(get_args(Surface))}, a seed 0 to {MOST_SEED}"
        )
    if not model:
        raise NotReady("there is no rating network here; python -m models.train.rating makes one")
    with tempfile.TemporaryDirectory(prefix="kallos-dream-") as place:
        folder = Path(place)
        with _dreams.begun(listener_id, lambda: folder, [model, way, str(seed), str(steps), surface]) as dream:
            yield Dreaming(_read(dream), steps)
            while dream.goes_on():
                yield Dreaming(_read(dream), steps)
        if dream.status > 0:
            raise NotReady("the dream broke off; try another noise, or again in a moment")
        sounds = [folder / f"{name}.wav" for name in ("dream", "trail")]
        heard = [sound.read_bytes() for sound in sounds] if dream.status == 0 else [b"", b""]
        yield Dreaming(_read(dream), steps, heard[0], heard[1], ended=True)


def end(listener_id: uuid.UUID) -> None:
    """End the listener's dream where one goes on."""
    _dreams.end(listener_id)


def _read(dream: Followed) -> tuple[DreamtStep, ...]:
    """The steps so far."""
    return tuple(DreamtStep(**json.loads(line)) for line in dream.lines())
