"""What is kept of a clip, measured beside the baseline with a tiny model."""

import pytest

from models.experiments.report import Report
from models.style.evaluation.editing import editing

pytestmark = pytest.mark.slow


def test_what_is_kept_is_told_by_share_and_lock(scales, composer) -> None:
    report = Report("test", {}, {}, 0)
    editing(report, composer, scales, seed=0)
    found = report.metrics
    assert found["lock.melody"].value > found["lock.melody"].baseline
    assert {name.split(".")[1] for name in found if name.startswith("keep.")} == {"0", "25", "50", "75"}
    assert found["lock.rhythm.in_key"].n == len(scales.pieces)
    assert scales.some(2).songs == ["0", "3"]
