"""How much of the machine a process gets while others want it, too."""

from __future__ import annotations

import logging
from pathlib import Path

import psutil

log = logging.getLogger(__name__)

NICENESS = 10  # of worker and generator: votes come before clips, once the first listeners have some
SESSION_NICENESS = 3  # of their sessions, half a share: at 10 a machine on which much runs hardly composes any more
LOWEST = 19  # what nobody waits for
PROC = Path("/proc")


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


def on_battery() -> bool:
    """Whether this machine is known to run on its battery."""
    sensor = getattr(psutil, "sensors_battery", None)  # not on every system
    try:
        battery = sensor() if sensor else None
    except (OSError, RuntimeError):  # of what can't be read
        return False
    return battery is not None and battery.power_plugged is False
