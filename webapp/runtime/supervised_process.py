"""A child process that comes back when it dies and never outlives its parent, one that reports progress, and a sandbox.

The child says ``die_with_parent()`` first thing. On Linux the kernel then kills it with the parent, however that ended;
everywhere it also watches a pipe that only the parent holds open. What nobody waits for yields to others.

``python -m webapp.runtime.supervised_process SECONDS closed|open MODULE …`` runs the module with these arguments in a
sandbox: so much memory and time, and no network. Programs that read what visitors send run there. ``open`` leaves it
the network. The filter of system calls (seccomp) needs Linux, and no privilege; elsewhere only memory and time are
bounded.
"""

from __future__ import annotations

import ctypes
import errno
import json
import logging
import os
import platform
import resource
import runpy
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from webapp.runtime.errors import NotReady

log = logging.getLogger(__name__)

PARENT_VARIABLE = "KALLOS_PARENT_PID"
FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 10.0
STEADY_SECONDS = 30.0  # a child that lived this long starts again without a growing delay
STOP_SECONDS = 5.0
WRONG_SETTING = 2  # exit status of a command whose settings can't be used: it would end so again
PR_SET_PDEATHSIG = 1
EVERY_S = 0.3  # between two lines about one stage
NICENESS = 10  # of worker and generator: votes come before clips, once the first listeners have some
SESSION_NICENESS = 3  # of their sessions, half a share: at 10 a machine on which much runs hardly composes any more
LOWEST = 19  # what nobody waits for
PROC = Path("/proc")
LAST_WORDS = 500  # characters of what it printed before it broke

MEMORY_BYTES = 8 << 30  # of addresses: torch takes most of them without using them
FILE_BYTES = 200_000_000  # that a file may grow to
NICE = 10  # votes and participants come first
# /usr/include/linux: prctl.h, seccomp.h, audit.h, bpf_common.h; by machine, AUDIT_ARCH and the number of socket(2)
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
LOAD, JUMP_EQUAL, JUMP_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # where these stand in seccomp_data
IO_URING_SETUP = 425  # by which sockets can be had, too
X32 = 0x40000000  # of another numbering of system calls
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EACCES


class SupervisedProcess:
    """Keeps ``args`` running: ``start`` starts it, when it dies it starts again, ``close`` stops it for good.

    Output goes where the parent's goes.
    """

    def __init__(self, name: str, args: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.starts = 0
        self._args = list(args)
        self._env = {**os.environ, **(env or {}), PARENT_VARIABLE: str(os.getpid())}
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        # One thread starts every child and lives as long as they do: Linux sends the death signal when the *thread*
        # that started a child ends.
        self._thread = threading.Thread(target=self._keep_running, name=f"supervise {name}", daemon=True)

    def start(self) -> SupervisedProcess:
        """Start the child (once) and return at once."""
        self._thread.start()
        return self

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def close(self) -> None:
        """Stop the child for good: asked first, killed where it doesn't end within five seconds."""
        with self._lock:
            self._closing.set()
            process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._thread.is_alive():
            self._thread.join()

    def _keep_running(self) -> None:
        delay = FIRST_DELAY_SECONDS
        while (process := self._spawn()) is not None:
            started = time.monotonic()
            status = process.wait()
            if process.stdin is not None:
                process.stdin.close()
            if self._closing.is_set():
                return
            if status == WRONG_SETTING:
                log.error("%s can't run with these settings, so it is not started again", self.name)
                return
            if time.monotonic() - started > STEADY_SECONDS:
                delay = FIRST_DELAY_SECONDS
            log.warning(
                "%s (process %d) ended with status %d; starts again in %.1f s", self.name, process.pid, status, delay
            )
            self._closing.wait(delay)
            delay = min(2 * delay, LONGEST_DELAY_SECONDS)

    def _spawn(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._closing.is_set():
                return None
            # A session of its own: Ctrl-C in a terminal reaches the parent alone, which stops its children in order.
            self._process = subprocess.Popen(self._args, env=self._env, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603 (our own program, no shell)
            self.starts += 1
            return self._process


def supervised() -> bool:
    """Whether this process is the child of a ``SupervisedProcess``."""
    return PARENT_VARIABLE in os.environ


def die_with_parent() -> None:
    """In a child of ``SupervisedProcess``: end when the parent does, even by SIGKILL; elsewhere do nothing."""
    parent = os.environ.pop(PARENT_VARIABLE, "")
    if not parent:
        return
    end_with(int(parent))
    end_with_input()


def end_with(parent: int) -> None:
    """Have the kernel kill this process when ``parent``, which started it, dies; on Linux alone."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the call
            os._exit(1)


def end_with_input() -> None:
    """End this process when its standard input does: a pipe that the parent alone holds open."""
    threading.Thread(target=_exit_at_end_of_input, name="watch parent", daemon=True).start()


def free_local_port() -> int:
    """A port of 127.0.0.1 on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _exit_at_end_of_input() -> None:
    # The parent never writes: a read returns when its end of the pipe is closed, by it or by the kernel.
    while os.read(0, 1024):
        pass
    os._exit(1)


def say(line: dict[str, Any]) -> None:
    """A line of output, JSON."""
    print(json.dumps(line), flush=True)


class Progress:
    """Says the stage and the share of it that is done, 0 to 1, every ``EVERY_S`` at most within a stage."""

    def __init__(self) -> None:
        self._stage, self._at = "", 0.0

    def __call__(self, stage: str, share: float) -> None:
        """So far it has come."""
        if stage != self._stage or time.monotonic() - self._at > EVERY_S:
            self._stage, self._at = stage, time.monotonic()
            say({"stage": stage, "share": round(share, 3)})


def lower_session(pid: int | str, niceness: int, proc: Path = PROC) -> bool:
    """Give the session of a process a nice value, where Linux groups processes by session.

    There ``nice`` counts only among the processes of one session (``man 7 sched``, autogroup). False where it is to be
    tried again: others than root may change ten a second.
    """
    try:
        with (proc / str(pid) / "autogroup").open("rb+", buffering=0) as file:
            file.write(str(niceness).encode())
    except BlockingIOError:
        return False
    except OSError as error:  # there is none, or it isn't ours: then nice has to do
        log.debug("session_not_lowered error=%s", error)
    return True


def run_program(module: str, *arguments: str, seconds: float, late: str, broken: str) -> None:
    """Run ``module`` to its end; raises ``NotReady`` with ``late`` after so many ``seconds``, with ``broken`` else."""
    command = [sys.executable, "-m", module, *arguments]
    try:
        subprocess.run(command, capture_output=True, timeout=seconds, check=True)  # noqa: S603 (our own program)
    except subprocess.TimeoutExpired:
        raise NotReady(late) from None
    except subprocess.CalledProcessError as error:
        printed = error.stderr.decode(errors="replace")[-LAST_WORDS:]
        log.error("process_failed module=%s output=%s", module, printed)  # noqa: TRY400 (its trace is the output)
        raise NotReady(broken) from None


def bound(seconds: int) -> None:
    """From now on this process has so much memory and time, and yields to others."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    os.setpriority(os.PRIO_PROCESS, 0, max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    signal.alarm(seconds)


def leave_network() -> bool:
    """Have the kernel refuse this process every socket but those of this machine's files; False where it can't."""
    architecture, of_socket = MACHINES.get(platform.machine(), (0, 0))
    if sys.platform != "linux" or not architecture:
        return False
    steps = [
        (LOAD, 0, 0, ARCHITECTURE),
        (JUMP_EQUAL, 0, 6, architecture),
        (LOAD, 0, 0, NUMBER),
        (JUMP_AT_LEAST, 4, 0, X32),
        (JUMP_EQUAL, 3, 0, IO_URING_SETUP),
        (JUMP_EQUAL, 0, 3, of_socket),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (JUMP_EQUAL, 1, 0, socket.AF_UNIX),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HP", len(steps), ctypes.addressof(code)))
    system = ctypes.CDLL(None, use_errno=True)
    if system.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return False
    return not system.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0)


def sandboxed(module: str, *arguments: str, seconds: float, network: bool = False) -> list[str]:
    """The command that runs our program ``module`` in a sandbox."""
    here = [sys.executable, "-m", __name__, str(max(1, round(seconds))), "open" if network else "closed"]
    return [*here, module, *arguments]


if __name__ == "__main__":
    _, given_seconds, given_network, program_name, *_rest = sys.argv
    if given_network == "closed" and not leave_network():
        print(
            f"{program_name} keeps the network: {sys.platform} on {platform.machine()} can't refuse it sockets",
            file=sys.stderr,
        )
    bound(int(given_seconds))
    end_with_input()
    sys.argv = sys.argv[3:]
    runpy.run_module(program_name, run_name="__main__", alter_sys=True)
