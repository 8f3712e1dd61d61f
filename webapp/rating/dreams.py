"""A dream in a process of its own, which is followed step by step and can be ended."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from webapp.runtime.errors import NotAllowed, NotReady

Way = Literal["naive", "regularised", "critic", "both"]
STEPS = 128
SECONDS = 300  # at most
MOST_SEED = 1_000_000
EVERY_S = 0.5  # between two looks
STEPS_FILE = "steps.jsonl"

_lock = threading.Lock()
_current: list[tuple[uuid.UUID, subprocess.Popen[bytes]]] = []  # whose dream goes on, one at most


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


def follow(listener_id: uuid.UUID, way: str, seed: int, *, model: str, steps: int = STEPS) -> Iterator[Dreaming]:
    """A listener's dream as it goes, some twice a second, until its end or ``end``; closing the iterator ends it too.

    Raises ``NotAllowed`` for a way or a seed that there isn't, and ``NotReady``.
    """
    if way not in get_args(Way) or not 0 <= seed <= MOST_SEED:
        raise NotAllowed(
            f"{way} and {seed} were given; a way is one of {', '.join(get_args(Way))}, a seed 0 to {MOST_SEED}"
        )
    if not model:
        raise NotReady("there is no rating network here; python -m models.train.rating makes one")
    with tempfile.TemporaryDirectory(prefix="kallos-dream-") as place:
        folder = Path(place)
        child = _begun(listener_id, folder, [model, way, str(seed), str(steps)])
        try:
            while child.poll() is None:
                yield Dreaming(_read(folder), steps)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(EVERY_S)
        finally:
            child.kill()
            child.wait()
        if child.returncode > 0:
            raise NotReady("the dream broke off; try another noise, or again in a moment")
        sounds = [folder / f"{name}.wav" for name in ("dream", "trail")]
        heard = [sound.read_bytes() for sound in sounds] if child.returncode == 0 else [b"", b""]
        yield Dreaming(_read(folder), steps, heard[0], heard[1], ended=True)


def _begun(listener_id: uuid.UUID, folder: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
    """The process that dreams. It ends by itself after ``SECONDS``, also where nobody follows it any more."""
    command = [sys.executable, "-m", "webapp.rating.dreaming_process", str(folder), *arguments, str(SECONDS)]
    with _lock:
        if _current and _current[0][1].poll() is None:
            raise NotReady("another dream is being dreamt; it takes a minute or two, try again then")
        with (folder / STEPS_FILE).open("wb") as output:
            child = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL)  # noqa: S603 (our own program)
        _current[:] = [(listener_id, child)]
        return child


def end(listener_id: uuid.UUID) -> None:
    """End the listener's dream where one goes on."""
    with _lock:
        for whose, child in _current:
            if whose == listener_id:
                child.kill()


def _read(folder: Path) -> tuple[DreamtStep, ...]:
    """The whole lines so far."""
    text = (folder / STEPS_FILE).read_text(encoding="utf-8")
    return tuple(DreamtStep(**json.loads(line)) for line in text[: text.rfind("\n") + 1].splitlines())
