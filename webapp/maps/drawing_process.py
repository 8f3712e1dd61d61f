"""The process in which a map is drawn: it takes its memory along when it ends, and tells how far it is meanwhile."""

from __future__ import annotations

import os
import queue
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Queue, get_context
from typing import Any, TypeVar

from webapp.runtime.supervised_process import end_with

EVERY_S = 0.5
Result = TypeVar("Result")

_told: Any = None  # the queue of this process, where it is the child


class DrawingProcess:
    """A fresh process, which ends with this one; ``run`` has it call functions of modules, one after the other."""

    def __init__(self) -> None:
        context = get_context("spawn")
        self._told: Queue[tuple[str, float]] = context.Queue()
        self._child = ProcessPoolExecutor(1, mp_context=context, initializer=_begin, initargs=(os.getpid(), self._told))

    def __enter__(self) -> DrawingProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.shutdown()
        self._told.close()

    def run(self, heard: Callable[[str, float], None], call: Callable[..., Result], *given: Any) -> Result:
        """The result of ``call`` there; ``heard`` is called here with what it tells by ``tell``, at times."""
        future = self._child.submit(call, *given)
        while not future.done():
            latest = None
            try:
                latest = self._told.get(timeout=EVERY_S)
                while True:
                    latest = self._told.get_nowait()
            except queue.Empty:
                if latest is not None:
                    heard(*latest)
        return future.result()


def tell(stage: str, share: float) -> None:
    """In the child: say how much of a stage is done."""
    if _told is not None:
        _told.put((stage, share))


def _begin(parent: int, told: Any) -> None:
    global _told  # noqa: PLW0603 (set once, before the first call)
    end_with(parent)
    _told = told
