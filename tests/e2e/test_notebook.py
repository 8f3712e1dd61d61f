"""The lines of ``docs/research.md`` as a researcher runs them, against the running application."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from models.music.midi import read_midi

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "research.md"
ADDRESS = "http://127.0.0.1:7860"


def test_the_notebook_of_the_research_page_votes_and_gets_a_composed_clip(site, tmp_path):
    [program] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(program.splitlines()) == 15
    assert program.count(ADDRESS) == 1
    run = subprocess.run(
        [sys.executable, "-c", program.replace(ADDRESS, site.url)],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
        env={**os.environ, "GRADIO_TEMP_DIR": str(tmp_path), "GRADIO_ANALYTICS_ENABLED": "False"},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    *styles, midi = run.stdout.splitlines()[1:]  # the first line is the client's own
    assert len(styles) >= 5
    assert all(re.fullmatch(r"\w+ -?\d+\.\d+ ± \d+\.\d+", line) for line in styles), styles
    assert Path(midi).is_relative_to(tmp_path)
    assert len(read_midi(Path(midi).read_bytes()).notes) > 4
