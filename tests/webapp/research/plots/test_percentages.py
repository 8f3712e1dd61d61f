"""Shares stand in charts as they do in the text around them: 75 %, with a space."""

from __future__ import annotations

import pandas as pd

from webapp.research.plots import Source, calibration, hardest

SHARE = "\u00a0%"


def test_what_is_left_of_a_loss_is_told_in_per_cent():
    frame = pd.DataFrame({
        "step": [1, 2], "style": ["tempo", "tempo"], "loss": [4.0, 1.0], "share": [1.0, 0.25], "hardest": [False, True],
    })  # fmt: skip
    figure = hardest(frame, Source(("a run",)))
    (line,) = figure.data
    assert list(line.y) == [100, 25]
    assert f"%{{y:.0f}}{SHARE} left" in line.hovertemplate
    assert figure.layout.yaxis.ticksuffix == SHARE


def test_predicted_and_found_shares_are_told_in_per_cent():
    figure = calibration(
        pd.DataFrame({"predicted": [0.3], "value": [0.25], "low": [0.2], "high": [0.3], "n": [9]}), Source(("a study",))
    )
    points = figure.data[-1]
    assert (list(points.x), list(points.y)) == ([30], [25])
    assert points.hovertemplate.count(SHARE) == 2
    assert figure.layout.xaxis.ticksuffix == figure.layout.yaxis.ticksuffix == SHARE
