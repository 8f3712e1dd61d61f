"""Work that somebody waits for: it takes its turn, ends when they have left, and runs in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from anyio import from_thread
from sqlalchemy.orm import Session
from starlette.requests import Request

from webapp.runtime.errors import NobodyWaits, NotReady, Problem

Waits = Callable[[], bool]
POLL_S = 0.3  # between two looks whether somebody still waits


def waits_for(request: Request) -> Waits:
    """Whether whoever made the request is still there; for handlers, which run in threads."""
    return lambda: not from_thread.run(request.is_disconnected)


def always() -> bool:
    """Whoever waits stays: a worker, a command."""
    return True


def is_wanted_always(_: Session) -> bool:
    """Whatever is stored for whoever waits may be stored."""
    return True


_somebody: ContextVar[Waits] = ContextVar("somebody", default=always)
_wanted: ContextVar[Callable[[Session], bool]] = ContextVar("wanted", default=is_wanted_always)


@contextlib.contextmanager
def heeding(waits: Waits, wanted: Callable[[Session], bool] = is_wanted_always) -> Iterator[None]:
    """What is done in this thread within the block ends when nobody ``waits`` any more.

    That is where it asks the generator, where it takes its ``turn``, and where it would store what is not ``wanted``
    any more, as the same transaction tells.
    """
    tokens = _somebody.set(waits), _wanted.set(wanted)
    try:
        yield
    finally:
        _somebody.reset(tokens[0])
        _wanted.reset(tokens[1])


def require_wanted(session: Session) -> None:
    """Raises ``NobodyWaits`` where what this transaction stores is not wanted any more."""
    if not _wanted.get()(session):
        raise NobodyWaits


async def heed(request: Request) -> None:
    """``heeding`` whoever made the request, for a router; its handlers run in copies of this context."""
    loop = asyncio.get_running_loop()
    _somebody.set(lambda: not asyncio.run_coroutine_threadsafe(request.is_disconnected(), loop).result())


def somebody_waits() -> bool:
    """Whether what this thread does is still waited for."""
    return _somebody.get()()


@contextlib.contextmanager
def turn(lock: threading.Lock, waits: Waits = always) -> Iterator[None]:
    """The lock, for as long as somebody ``waits``; raises ``NobodyWaits`` where they left before their turn."""
    while not lock.acquire(timeout=POLL_S):
        if not waits():
            raise NobodyWaits
    try:
        if not waits():
            raise NobodyWaits
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def slot(slots: threading.Semaphore, busy: Problem, patience_s: float = 0.0) -> Iterator[None]:
    """One of the ``slots`` as long as the block lasts; raises ``busy`` where none is free within ``patience_s``."""
    if not slots.acquire(timeout=patience_s):
        raise busy
    try:
        yield
    finally:
        slots.release()


def output_of(module: str, *arguments: str, given: bytes, seconds: float, waits: Waits = always) -> bytes:
    """What our program ``module`` prints of what it is ``given``; it is killed when nobody ``waits`` any more.

    Raises ``NobodyWaits``, and ``NotReady`` where it breaks off or takes longer than so many ``seconds``.
    """
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(  # noqa: S603 (our own program, no shell)
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        try:
            unsent: bytes | None = given
            for _ in range(max(1, round(seconds / POLL_S))):
                try:
                    printed, _ = child.communicate(unsent, timeout=POLL_S)
                except subprocess.TimeoutExpired:
                    unsent = None  # it goes on with what it was given first
                    if not waits():
                        raise NobodyWaits from None
                else:
                    if child.returncode == 0:
                        return printed
                    break
        finally:
            child.kill()
    raise NotReady("this takes more time or memory than there is for it; try again when Kallos is less busy")
