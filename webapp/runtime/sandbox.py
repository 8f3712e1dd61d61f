"""Where our programs do what takes long, or read what visitors send: so much memory and time, and no network.

``python -m webapp.runtime.sandbox SECONDS closed|open MODULE …`` runs the module with these arguments, and ends with
the process that began it. ``open`` leaves it the network. The filter of system calls (seccomp) needs Linux, and no
privilege; elsewhere only memory and time are bounded.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import runpy
import signal
import socket
import struct
import sys

from webapp.runtime.supervised_process import end_with_input

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


def command(module: str, *arguments: str, seconds: float, network: bool = False) -> list[str]:
    """How our program ``module`` is begun here."""
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
