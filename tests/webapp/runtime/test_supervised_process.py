import os
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from webapp.runtime.supervised_process import SupervisedProcess

pytestmark = pytest.mark.durability

CHILD = (
    "import time; from webapp.runtime.supervised_process import die_with_parent; die_with_parent(); {before}; "
    "time.sleep(120)"
)


def child(name, before="pass"):
    return SupervisedProcess(name, [sys.executable, "-c", CHILD.format(before=before)])


def wait_until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def is_gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_killed_child_comes_back_and_a_closed_one_does_not():
    process = child("child").start()
    try:
        assert wait_until(lambda: process.pid)
        first = process.pid
        os.kill(first, signal.SIGKILL)
        assert wait_until(lambda: process.pid not in (None, first))
        last = process.pid
    finally:
        process.close()
    assert process.pid is None
    assert is_gone(last)
    assert process.starts == 2
    process.close()


def test_a_child_that_ignores_being_asked_is_killed(monkeypatch, tmp_path):
    monkeypatch.setattr("webapp.runtime.supervised_process.STOP_SECONDS", 0.3)
    up = tmp_path / "up"
    ignore = "import signal, pathlib; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    process = child("deaf", f"{ignore}; pathlib.Path({str(up)!r}).touch()").start()
    assert wait_until(up.exists)
    pid = process.pid
    process.close()
    assert is_gone(pid)


def test_a_child_that_never_lives_is_started_again_ever_more_slowly():
    process = SupervisedProcess("stillborn", [sys.executable, "-c", "raise SystemExit(3)"]).start()
    try:
        assert wait_until(lambda: process.starts >= 3)
    finally:
        process.close()


# Lines are written in one piece: print, unbuffered, writes the end of a line apart, and another's line comes between.
PARENT = """
import os, sys, time
from webapp.runtime.supervised_process import SupervisedProcess
process = SupervisedProcess("child", [sys.executable, "-c", {child!r}]).start()
while process.pid is None:
    time.sleep(0.02)
os.write(1, b"%d\\n" % process.pid)
time.sleep(120)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("watch", ["both", "pipe alone"])
def test_a_child_ends_with_its_parent_however_that_ended(how, watch):
    # The pipe alone is what other systems than Linux have.
    before = CHILD.format(before="import os; os.write(1, b'up\\n')")
    code = before if watch == "both" else "import sys; sys.platform = 'other'; " + before
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT.format(child=code))], stdout=subprocess.PIPE, text=True
    )
    try:
        lines = {parent.stdout.readline().strip() for _ in range(2)}
        pid = int(next(line for line in lines if line != "up"))
        assert not is_gone(pid)
        parent.send_signal(how)
        assert wait_until(lambda: is_gone(pid))
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
