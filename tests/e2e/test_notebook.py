"""The lines of ``README.md`` and ``docs/research.md`` as somebody runs them, against the running application."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from models.music.midi import read_midi

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ADDRESS = "http://127.0.0.1:7860"


def run(document: str, site, folder: Path) -> subprocess.CompletedProcess[str]:
    """The one program of a document, in ``folder``."""
    [program] = re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(encoding="utf-8"), flags=re.DOTALL)
    assert program.count(ADDRESS) == 1
    return subprocess.run(
        [sys.executable, "-c", program.replace(ADDRESS, site.url)],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
        cwd=folder,
        env={**os.environ, "GRADIO_TEMP_DIR": str(folder), "GRADIO_ANALYTICS_ENABLED": "False"},
    )


def test_the_notebook_of_the_research_page_votes_and_gets_a_composed_clip(site, tmp_path):
    done = run("docs/research.md", site, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    *styles, midi = done.stdout.splitlines()[1:]  # the first line is the client's own
    assert len(styles) >= 5
    assert all(re.fullmatch(r"\w+ -?\d+\.\d+ ± \d+\.\d+", line) for line in styles), styles
    assert Path(midi).is_relative_to(tmp_path)
    assert len(read_midi(Path(midi).read_bytes()).notes) > 4


def test_the_program_of_the_first_page_votes_and_saves_a_clip_that_sounds(site, tmp_path):
    done = run("README.md", site, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    sound, _ = soundfile.read(tmp_path / "for-me.mp3")
    assert abs(sound).max() > 0.01
