"""Something that takes minutes, in a process of its own, which is followed step by step and can be ended.

Its program says ``end_with_input()`` first, so that it ends with the process that began it.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Protocol, TypeVar

from webapp.runtime import limits
from webapp.runtime.errors import NotReady, TooMany, UnknownListenerError
from webapp.runtime.limits import LONG_A_SECOND, LONG_AT_ONCE, LONG_OF_ONE_ADDRESS, Buckets

EVERY_S = 0.5  # between two looks
STEPS_FILE = "steps.jsonl"
NEWEST = 15  # that did their work, by whose time the next one's is told


@dataclass(frozen=True)
class Followed:
    """A process that works, or has worked, in ``folder``."""

    folder: Path
    child: subprocess.Popen[bytes]
    seconds: int
    began: float = field(default_factory=time.monotonic)

    @property
    def works(self) -> bool:
        """Whether it still does now."""
        return self.child.poll() is None

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
        return lines_in(self.folder)

    def watch(self) -> None:
        """Wait for its end, and bring that about where its folder is gone, as that of a deleted listener is."""
        while self.goes_on():
            if not self.folder.is_dir():
                self.child.kill()
        assert self.child.stdin is not None
        self.child.stdin.close()


def lines_in(folder: Path) -> list[str]:
    """The whole lines that the process in this folder has printed so far; none where there is no such folder."""
    try:
        text = (folder / STEPS_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    return text[: text.rfind("\n") + 1].splitlines()


class Progress(Protocol):
    """How far something has come."""

    @property
    def ended(self) -> bool:
        """Whether it goes no further."""


P = TypeVar("P", bound=Progress)


def until_ended(look: Callable[[], P | None]) -> Iterator[P]:
    """What ``look`` finds, every ``EVERY_S``, up to and with the end; raises ``UnknownListenerError`` for None."""
    while (found := look()) is not None:
        yield found
        if found.ended:
            return
        time.sleep(EVERY_S)
    raise UnknownListenerError


class FollowedProcess:
    """The program ``module``, of which one runs at a time; ``busy`` is said to whoever wants another meanwhile.

    A listener may begin ``LONG_AT_ONCE`` of them one after the other, then ``LONG_A_SECOND``, and all of one address
    together ``LONG_OF_ONE_ADDRESS``: others want it as well.

    It is called with a folder, some arguments and the seconds after which it has to end by itself: nobody may be
    following it any more. What it prints lies in the folder as ``STEPS_FILE``.
    """

    def __init__(self, module: str, seconds: int, busy: str) -> None:
        self.module, self.seconds, self.busy = module, seconds, busy
        self._lock, self._asked = threading.Lock(), Buckets(LONG_A_SECOND, LONG_AT_ONCE)
        self._asked_from = Buckets(LONG_A_SECOND, LONG_OF_ONE_ADDRESS)
        self._last: tuple[uuid.UUID, Followed] | None = None
        self._lasted: deque[float] = deque(maxlen=NEWEST)

    def begin(self, listener_id: uuid.UUID, prepare: Callable[[], Path], arguments: Sequence[str]) -> Followed:
        """The process of a listener, which goes on whether or not it is followed, as long as there is its folder.

        Args:
            listener_id: Whose it is.
            prepare: Makes the folder ready and gives it; only called where nothing else runs, which may work in it.
            arguments: Of the program, between the folder and the seconds.

        Raises:
            NotReady: Another one runs.
            TooMany: The listener has begun too many.
        """
        with self._lock:
            if self._last and self._last[1].works:
                raise NotReady(self.busy)
            network = limits.asking_network()
            if not self._asked.take(str(listener_id)) or (network and not self._asked_from.take(network)):
                raise TooMany(
                    "you, or others at your address, have begun many of these within a short time, and one takes "
                    f"minutes; let others have theirs, and try again in {1 / LONG_A_SECOND / 60:.0f} minutes"
                )
            folder = prepare()
            command = [sys.executable, "-m", self.module, str(folder), *arguments, str(self.seconds)]
            with (folder / STEPS_FILE).open("wb") as output:
                child = subprocess.Popen(  # noqa: S603 (our own)
                    command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.DEVNULL
                )
            followed = Followed(folder, child, self.seconds)
            self._last = listener_id, followed
        threading.Thread(target=self._watch, args=[followed], name=f"watch {self.module}", daemon=True).start()
        return followed

    def _watch(self, followed: Followed) -> None:
        followed.watch()
        if followed.child.returncode == 0:
            self._lasted.append(time.monotonic() - followed.began)

    @contextlib.contextmanager
    def begun(
        self, listener_id: uuid.UUID, prepare: Callable[[], Path], arguments: Sequence[str]
    ) -> Iterator[Followed]:
        """The same, but killed where it still goes on at the end."""
        followed = self.begin(listener_id, prepare, arguments)
        try:
            yield followed
        finally:
            followed.child.kill()
            followed.child.wait()

    def outcome(self, listener_id: uuid.UUID, broken: str) -> tuple[bool, str]:
        """Whether the listener's process has ended, and the problem that ended it before its work was done.

        That is that its time was over, or ``broken``. It is "" where the work was done or stopped, and where nobody
        knows any more: another listener's was begun since, or this server was.
        """
        followed = self._of(listener_id)
        if followed is None or followed.works:
            return followed is None, ""
        try:
            return True, broken if followed.status > 0 else ""
        except NotReady as late:
            return True, str(late)

    def seconds_left(self, listener_id: uuid.UUID) -> float | None:
        """How long the listener's process still takes if it takes as long as the last ones did, 0 where it is late.

        None where none goes on, or none has done its work since this server began.
        """
        followed = self._of(listener_id)
        if followed is None or not followed.works or not self._lasted:
            return None
        return max(0.0, median(self._lasted) - (time.monotonic() - followed.began))

    def end(self, listener_id: uuid.UUID) -> None:
        """End the listener's process where one goes on."""
        if followed := self._of(listener_id):
            followed.child.kill()

    def _of(self, listener_id: uuid.UUID) -> Followed | None:
        """The process that was begun last, where it is this listener's."""
        with self._lock:
            return self._last[1] if self._last and self._last[0] == listener_id else None
