"""The modules of the components in Node, without a browser; skips where there is no Node."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
NODE = shutil.which("node")


@pytest.mark.skipif(NODE is None, reason="no node")
@pytest.mark.parametrize("script", sorted(HERE.glob("*.test.js")), ids=lambda script: script.name.split(".")[0])
def test_a_module_does_what_its_own_tests_say(script: Path) -> None:
    assert NODE
    found = subprocess.run([NODE, "--test", str(script)], capture_output=True, text=True, check=False, timeout=120)
    assert found.returncode == 0, found.stdout + found.stderr
