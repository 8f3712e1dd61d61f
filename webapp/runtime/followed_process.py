"""Something that takes minutes, in a process of its own, which is followed step by step and can be ended."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from webapp.runtime.errors import NotReady, TooMany
from webapp.runtime.limits import LONG_A_SECOND, LONG_AT_ONCE, Buckets

EVERY_S = 0.5  # between two looks
STEPS_FILE = "steps.jsonl"


@dataclass(frozen=True)
class Followed:
    """A process that works in ``folder``."""

    folder: Path
    child: subprocess.Popen[bytes]
    seconds: int

    def goes_on(self) -> bool:
        """Whether it still does after ``EVERY_S``, or less where it ends before."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.child.wait(EVERY_S)
        return self.child.returncode is None

    @property
    def status(self) -> int:
        """With which it ended: 0, what it broke off with, or less than 0 where it was killed.

        Raises ``NotReady`` where its time was over.
        """
        ended = self.child.wait()
        if ended == -signal.SIGALRM:
            raise NotReady(f"it took longer than {self.seconds} seconds; try again when Kallos is less busy")
        return ended

    def lines(self) -> list[str]:
        """The whole lines that it has printed so far; none where its folder is gone."""
        try:
            text = (self.folder / STEPS_FILE).read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        return text[: text.rfind("\n") + 1].splitlines()


class FollowedProcess:
    """The program ``module``, of which one runs at a time; ``busy`` is said to whoever wants another meanwhile.

    A listener may begin ``LONG_AT_ONCE`` of them one after the other, then ``LONG_A_SECOND``: others want it as well.

    It is called with a folder, some arguments and the seconds after which it has to end by itself, also where nobody
    follows it any more. What it prints lies in the folder as ``STEPS_FILE``.
    """

    def __init__(self, module: str, seconds: int, busy: str) -> None:
        self.module, self.seconds, self.busy = module, seconds, busy
        self._lock, self._asked = threading.Lock(), Buckets(LONG_A_SECOND, LONG_AT_ONCE)
        self._current: tuple[uuid.UUID, subprocess.Popen[bytes]] | None = None

    @contextlib.contextmanager
    def begun(
        self, listener_id: uuid.UUID, prepare: Callable[[], Path], arguments: Sequence[str]
    ) -> Iterator[Followed]:
        """The process of a listener, which is killed where it still goes on at the end.

        Args:
            listener_id: Whose it is.
            prepare: Makes the folder ready and gives it; only called where nothing else runs, which may work in it.
            arguments: Of the program, between the folder and the seconds.

        Raises:
            NotReady: Another one runs.
            TooMany: The listener has begun too many.
        """
        with self._lock:
            if self._current and self._current[1].poll() is None:
                raise NotReady(self.busy)
            if not self._asked.take(str(listener_id)):
                raise TooMany(
                    f"you have begun {LONG_AT_ONCE} of these within a short time, and one takes minutes; let others "
                    f"have theirs, and try again in {1 / LONG_A_SECOND / 60:.0f} minutes"
                )
            folder = prepare()
            command = [sys.executable, "-m", self.module, str(folder), *arguments, str(self.seconds)]
            with (folder / STEPS_FILE).open("wb") as output:
                child = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL)  # noqa: S603 (our own)
            self._current = listener_id, child
        try:
            yield Followed(folder, child, self.seconds)
        finally:
            child.kill()
            child.wait()

    def end(self, listener_id: uuid.UUID) -> None:
        """End the listener's process where one goes on."""
        with self._lock:
            if self._current and self._current[0] == listener_id:
                self._current[1].kill()
