"""Something that takes minutes, in a process of its own, which is followed step by step and can be ended."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from webapp.runtime.errors import NotReady

EVERY_S = 0.5  # between two looks
STEPS_FILE = "steps.jsonl"


class FollowedProcess:
    """The program ``module``, of which one runs at a time; ``busy`` is said to whoever wants another meanwhile.

    It is called with a folder, some arguments and the seconds after which it has to end by itself, also where nobody
    follows it any more. What it prints lies in the folder as ``STEPS_FILE``.
    """

    def __init__(self, module: str, seconds: int, busy: str) -> None:
        self.module, self.seconds, self.busy = module, seconds, busy
        self._lock = threading.Lock()
        self._current: tuple[uuid.UUID, subprocess.Popen[bytes]] | None = None

    @contextlib.contextmanager
    def begun(
        self, listener_id: uuid.UUID, folder: Path, arguments: Sequence[str]
    ) -> Iterator[subprocess.Popen[bytes]]:
        """The process of a listener, which is killed where it still goes on at the end; raises ``NotReady``."""
        command = [sys.executable, "-m", self.module, str(folder), *arguments, str(self.seconds)]
        with self._lock:
            if self._current and self._current[1].poll() is None:
                raise NotReady(self.busy)
            with (folder / STEPS_FILE).open("wb") as output:
                child = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL)  # noqa: S603 (our own)
            self._current = listener_id, child
        try:
            yield child
        finally:
            child.kill()
            child.wait()

    def end(self, listener_id: uuid.UUID) -> None:
        """End the listener's process where one goes on."""
        with self._lock:
            if self._current and self._current[0] == listener_id:
                self._current[1].kill()


def goes_on(child: subprocess.Popen[bytes]) -> bool:
    """Whether it still does after ``EVERY_S``, or less where it ends before."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(EVERY_S)
    return child.returncode is None


def lines(folder: Path) -> list[str]:
    """The whole lines that it has printed so far."""
    text = (folder / STEPS_FILE).read_text(encoding="utf-8")
    return text[: text.rfind("\n") + 1].splitlines()
