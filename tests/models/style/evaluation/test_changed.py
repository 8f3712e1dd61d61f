"""How often music that was changed is told from real music, with a tiny model.

What is kept of a clip, measured beside the baseline with a tiny model.
"""

from __future__ import annotations

import pytest

from models.experiments.report import Report
from models.metrics.two_sample import FOLDS
from models.style import compose
from models.style.evaluation.changed import LOCKED, changed, editing
from models.style.evaluation.clips import Clips
from models.style.pieces.sampling import Writer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_voter")]


def test_what_is_kept_is_told_by_share_and_lock(scales, composer) -> None:
    report = Report("test", {}, {}, 0)
    editing(report, composer, scales, seed=0)
    found = report.metrics
    assert found["lock.melody"].value > found["lock.melody"].baseline
    assert {name.split(".")[1] for name in found if name.startswith("keep.")} == {"0", "25", "50", "75"}
    assert found["lock.rhythm.in_key"].n == len(scales.pieces)
    assert scales.some(2).songs == ["0", "3"]


def test_each_way_has_a_figure_by_domain_and_locked_bars_are_written_around(scales, composer, monkeypatch) -> None:
    monkeypatch.setattr(compose, "rejection_reason", lambda *_: None)
    wrote = []

    def told(self, *given, held, **named):
        wrote.extend(held)
        return written(self, *given, held=held, **named)

    written = Writer.told
    monkeypatch.setattr(Writer, "told", told)
    times = -(-2 * FOLDS // len(scales.pieces))
    every = [name for name in range(len(scales.pieces)) for _ in range(times)]
    clips = Clips(
        [scales.pieces[row] for row in every],
        [scales.later[row] for row in every],
        [str(number) for number in range(len(every))],
        [scales.domains[row] for row in every],
    )
    report = Report("test", {}, {}, 0)
    changed(report, composer, clips, seed=0)
    found = report.metrics
    ways = {"swapped", "morphed", "tune", "locked", "melody", "harmony", "rhythm"}  # no directions: nothing dialled
    assert {name.split(".")[1] for name in found} == ways
    assert 0 <= found["style.tune.found.dance"].value <= 1
    assert found["style.locked.two_sample.dance"].n == 2 * len(every)
    locked = tuple(bar for bar in LOCKED if bar < len(clips.pieces[0].bars))
    assert {each.bars for each in wrote} == {(), locked}
