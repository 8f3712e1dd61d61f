from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from webapp.runtime.supervised_process import LOWEST, PROC, lower_session
from webapp.worker import side_workers
from webapp.worker.side_workers import on_battery


def test_the_nice_value_of_a_session_is_written_where_linux_groups_by_session(tmp_path):
    (tmp_path / "7").mkdir()
    written = tmp_path / "7" / "autogroup"
    written.write_bytes(b"")
    assert lower_session(7, LOWEST, tmp_path)
    assert written.read_text() == "19"


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this kernel does not group by session")
def test_another_process_session_gets_a_nice_value_and_another_one_again():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    try:
        for value in (LOWEST, 10):
            while not lower_session(child.pid, value):  # others than root may change ten a second
                pass
            assert (PROC / str(child.pid) / "autogroup").read_text().split()[-2:] == ["nice", str(value)]
    finally:
        child.communicate()


@pytest.mark.parametrize(("plugged", "answer"), [(True, False), (False, True), (None, False)])
def test_a_machine_is_on_battery_where_its_battery_says_that_nothing_is_plugged_in(monkeypatch, plugged, answer):
    monkeypatch.setattr(psutil, "sensors_battery", lambda: SimpleNamespace(power_plugged=plugged), raising=False)
    assert on_battery() is answer


def test_a_machine_without_a_battery_is_not_on_battery(monkeypatch):
    monkeypatch.setattr(psutil, "sensors_battery", lambda: None, raising=False)
    assert not on_battery()
    monkeypatch.setattr(side_workers, "psutil", SimpleNamespace())
    assert not on_battery()
