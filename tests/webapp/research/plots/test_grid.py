from __future__ import annotations

import pandas as pd
import pytest

from webapp.research.plots import MOST_POINTS, looks, panel, smoothed


def frame(runs: list[str], steps: int) -> pd.DataFrame:
    rows = [(run, "train", "loss", step, 1 / step) for run in runs for step in range(1, steps + 1)]
    return pd.DataFrame(rows, columns=["run", "part", "figure", "step", "value"])


def test_a_smoothed_line_forgets_its_beginning_and_stays_where_nothing_changes() -> None:
    assert smoothed([3.0] * 5, 0.9) == pytest.approx([3.0] * 5)
    assert smoothed([1.0, 3.0], 0.5) == pytest.approx([1.0, 7 / 3])
    assert smoothed([1.0, 3.0], 0.0) == [1.0, 3.0]


def test_a_long_line_keeps_its_ends_and_no_more_points_than_are_seen() -> None:
    drawn = panel(frame(["a"], 5000), looks(["a"]), "loss", smoothing=0.5, log=False)
    assert [len(line.x) for line in drawn.data] == [MOST_POINTS, MOST_POINTS]
    assert (drawn.data[0].x[0], drawn.data[0].x[-1]) == (1, 5000)
