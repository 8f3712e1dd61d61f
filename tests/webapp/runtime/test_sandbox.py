"""Memory, time and network of a program in the sandbox."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from webapp.runtime import supervised_process

PROGRAM = """
import socket, sys
if sys.argv[1] == "connect":
    socket.create_connection(("127.0.0.1", int(sys.argv[2])), 5)
if sys.argv[1] == "fill":
    bytes(10 << 30)
if sys.argv[1] == "spin":
    while True:
        pass
socket.socketpair()
print("done", sys.argv[1:])
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """``run(what, …)``: a program that does this in the sandbox, and how it ended."""
    (tmp_path / "program_to_try.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path.cwd())]))

    def begin(*what, seconds=60, **given):
        command = supervised_process.sandboxed("program_to_try", *what, seconds=seconds, **given)
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as child:
            printed, trouble = child.stdout.read(), child.stderr.read()
            return child.wait(), printed, trouble

    return begin


def test_a_program_gets_its_arguments_and_no_network(run):
    assert run("work", "much")[:2] == (0, "done ['work', 'much']\n")
    with socket.create_server(("127.0.0.1", 0)) as there:
        address = ["connect", str(there.getsockname()[1])]
        assert run(*address, network=True)[0] == 0
        status, _, trouble = run(*address)
    assert status != 0
    assert "Permission denied" in trouble


@pytest.mark.parametrize(("what", "seconds", "said"), [("fill", 60, "MemoryError"), ("spin", 1, "")])
def test_a_program_has_so_much_memory_and_time(run, what, seconds, said):
    status, printed, trouble = run(what, seconds=seconds)
    assert status != 0
    assert printed == ""
    assert said in trouble
