"""What takes minutes: a job of the queue, done by a program in the sandbox, which any web process follows and stops.

How far it is lies in the job and in the folder that the job names, below ``KALLOS_HOME``: whoever asked may leave and
come back. A worker that is stopped says so in the job; the work is not begun again by itself.
"""

from __future__ import annotations

import contextlib
import json
import logging
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy.orm import Session

from db.queries import jobs
from db.queries.jobs import TakenJob
from db.tables import Job
from webapp.runtime import limits, supervised_process
from webapp.runtime.database import Database
from webapp.runtime.errors import NobodyWaits, NotAllowed, NotReady, Problem, TooMany, UnknownListenerError
from webapp.runtime.limits import LONG_A_SECOND, LONG_AT_ONCE, LONG_OF_ONE_ADDRESS, Buckets
from webapp.runtime.supervised_process import LAST_WORDS
from webapp.runtime.waiting import somebody_waits

EVERY_S = 0.5  # between two looks
STEPS_FILE = "steps.jsonl"
log = logging.getLogger(__name__)


class BrokenOff(Exception):  # noqa: N818 (why, for whoever asked)
    """The work ended before it was done; ``refused``: because of what was given."""

    def __init__(self, why: str, *, refused: bool = False) -> None:
        super().__init__(why)
        self.refused = refused


class ElsewhereError(Exception):
    """The folder of a job isn't here: its worker has another ``KALLOS_HOME``, or it was deleted after ``KEPT_S``."""


@dataclass(frozen=True)
class TaskState:
    """How far the work is that somebody asked for last, in ``folder``.

    ``lines``: what its program has said so far. It ended without being ``done`` for a ``problem``, or where somebody
    stopped it for none. ``seconds_left``: as those before it took, None where unknown.
    """

    folder: Path
    about: dict[str, Any]
    lines: list[dict[str, Any]]
    ended: bool
    done: bool = False
    problem: Problem | None = None
    seconds_left: float | None = None
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def stage(self) -> tuple[str, float]:
        """The stage that it is at and the share of it that is done; ("", 0.0) before the first."""
        stages = [each for each in self.lines if "stage" in each]
        return (stages[-1]["stage"], stages[-1]["share"]) if stages else ("", 0.0)


def lines_in(folder: Path) -> list[dict[str, Any]]:
    """What the program in this folder has said so far, line by line; none where there is no such folder."""
    try:
        text = (folder / STEPS_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


class Progress(Protocol):
    """How far something has come."""

    @property
    def ended(self) -> bool:
        """Whether it goes no further."""

    @property
    def problem(self) -> Problem | None:
        """Why it ended before it was done."""


P = TypeVar("P", bound=Progress)


def until_ended(look: Callable[[], P | None]) -> Iterator[P]:
    """What ``look`` finds, every ``EVERY_S``, up to and with the end; raises ``UnknownListenerError`` for None."""
    while (found := look()) is not None:
        yield found
        if found.ended:
            return
        time.sleep(EVERY_S)
    raise UnknownListenerError


def awaited(look: Callable[[], P | None]) -> P:
    """What ``look`` finds at the end; raises its ``problem``, and as ``until_ended`` does."""
    *_, last = until_ended(look)
    if last.problem:
        raise last.problem
    return last


def _problem(job: Job) -> Problem | None:
    """Why a job failed, for whoever asked; None where it was stopped."""
    if job.error == jobs.STOPPED:
        return None
    kind = NotAllowed if (job.result or {}).get("refused") else NotReady
    return kind(job.error or "")


class LongTask:
    """Jobs of one ``kind``, of which one is under way at a time, done by the program ``module``.

    It is called with the job's folder and arguments, and each line that it prints is JSON; the last may tell a
    ``problem``. A listener may begin ``LONG_AT_ONCE`` one after the other, then ``LONG_A_SECOND``, and all of one
    address together ``LONG_OF_ONE_ADDRESS``: others want it as well.

    Args:
        kind: Of the jobs.
        module: The program.
        seconds: That it may take.
        busy: Said to whoever wants another one meanwhile.
        broken: Said where it broke off.
        network: Whether the program may use it.
        of_listeners: Whether owners are listeners, with whom the job is deleted.
    """

    def __init__(
        self,
        kind: str,
        module: str,
        seconds: int,
        *,
        busy: str,
        broken: str,
        network: bool = False,
        of_listeners: bool = True,
    ) -> None:
        self.kind, self.module, self.seconds = kind, module, seconds
        self._busy, self._broken, self._network, self._of_listeners = busy, broken, network, of_listeners
        self._asked = Buckets(LONG_A_SECOND, LONG_AT_ONCE)
        self._asked_from = Buckets(LONG_A_SECOND, LONG_OF_ONE_ADDRESS)

    def begin(
        self,
        database: Database,
        home: Path,
        owner: uuid.UUID,
        prepare: Callable[[], Path],
        arguments: Sequence[str] = (),
        **about: Any,
    ) -> None:
        """Leave a job, for which nobody needs to wait.

        Args:
            database: Where the queue is.
            home: Below which ``prepare``'s folder lies, for workers too.
            owner: Whose it is.
            prepare: Makes the folder ready and gives it; only called where nothing else runs, which may work in it.
            arguments: Of the program, after the folder.
            about: What else is to be known by whoever looks.

        Raises:
            NotReady: Another one is under way.
            TooMany: The owner, or their address, has begun too many.
        """
        network = limits.asking_network()

        def work(session: Session) -> None:
            listener_id = owner if self._of_listeners else None
            payload = {"owner": str(owner), "arguments": list(arguments), "about": about}
            left = jobs.enqueue(
                session, self.kind, payload, dedupe_key=self.kind, listener_id=listener_id, max_attempts=1
            )
            if left is None:
                raise NotReady(self._busy)
            if not self._asked.take(str(owner)) or (network and not self._asked_from.take(network)):
                raise TooMany(
                    "you, or others at your address, have begun many of these within a short time, and one takes "
                    f"minutes; let others have theirs, and try again in {1 / LONG_A_SECOND / 60:.0f} minutes"
                )
            jobs.change_waiting(session, left, {**payload, "folder": str(prepare().relative_to(home))})

        database.transaction(work)

    def look(self, database: Database, home: Path, owner: uuid.UUID) -> TaskState | None:
        """How far the owner's last one is, or what became of it; None where there is none, or it was forgotten."""

        def work(session: Session) -> tuple[Job, float | None] | None:
            job = self._last(session, owner)
            if job is None:
                return None
            return job, jobs.seconds_left(session, job) if job.state == "running" else None

        found = database.transaction(work)
        if found is None:
            return None
        job, left = found
        folder = home / job.payload["folder"]
        failed = job.state == "failed"
        return TaskState(
            folder,
            job.payload["about"],
            lines_in(folder),
            ended=failed or job.state == "done",
            done=job.state == "done",
            problem=_problem(job) if failed else None,
            seconds_left=None if left is None else max(0.0, left),
            result=job.result or {},
        )

    def stop(self, database: Database, owner: uuid.UUID) -> None:
        """End the owner's last one where it is under way; its worker ends the program within two seconds."""
        database.transaction(lambda session: self.stop_in(session, owner))

    def stop_in(self, session: Session, owner: uuid.UUID) -> None:
        """The same in a transaction."""
        if (job := self._last(session, owner)) is not None:
            jobs.stop(session, job.id)

    def run(self, home: Path, job: TakenJob) -> Path:
        """In a worker: run the program to its end; its folder.

        Raises ``BrokenOff``, ``NobodyWaits`` where the job isn't this worker's any more, and ``ElsewhereError``.
        """
        folder: Path = home / job.payload["folder"]
        if not folder.is_dir():
            raise ElsewhereError
        command = supervised_process.sandboxed(
            self.module, str(folder), *job.payload["arguments"], seconds=self.seconds, network=self._network
        )
        with (
            tempfile.TemporaryFile() as trouble,
            (folder / STEPS_FILE).open("wb") as output,
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=trouble) as child,  # noqa: S603 (our own)
        ):
            try:
                while child.poll() is None:
                    if not somebody_waits() or not folder.is_dir():  # it is deleted with its listener
                        raise NobodyWaits
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        child.wait(EVERY_S)
            finally:
                child.kill()
            trouble.seek(0)
            said = trouble.read()[-LAST_WORDS:].decode(errors="replace")
        lines = lines_in(folder)
        if problem := lines and lines[-1].get("problem"):
            raise BrokenOff(str(problem), refused=True)
        if child.returncode == -signal.SIGALRM:
            raise BrokenOff(f"it took longer than {self.seconds} seconds; try again when Kallos is less busy")
        if child.returncode:
            log.error("program_failed module=%s status=%d output=%s", self.module, child.returncode, said)
            raise BrokenOff(self._broken)
        if said:
            log.warning("program_warned module=%s output=%s", self.module, said)
        return folder

    def _last(self, session: Session, owner: uuid.UUID) -> Job | None:
        if self._of_listeners:
            return jobs.current_job(session, self.kind, owner)
        return jobs.current_job(session, self.kind, None, {"owner": str(owner)})
