from __future__ import annotations

from itertools import product

import pandas as pd

from webapp.research.plots.paper import COLOURS, Source
from webapp.research.plots.ranks import ranks


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_colour_can_be_told_from_light_and_dark_paper() -> None:
    for colour, paper in product(COLOURS, ("#f4f5f2", "#0f1212")):
        dark, light = sorted((luminance(colour), luminance(paper)))
        assert (light + 0.05) / (dark + 0.05) >= 3


def test_a_source_names_runs_data_and_commits() -> None:
    told = str(Source(("a", "b", "c"), ("d4",), ("0123456789abcdef",)))
    assert told == "run a, b and 1 more · data d4 · commit 0123456789ab"
    assert str(Source(("a",))) == "run a · data unknown · commit unknown"


def test_the_best_rank_stands_on_top() -> None:
    frame = pd.DataFrame({"run": ["a", "a"], "step": [1, 2], "rank": [40, 3], "pool": [99, 99], "nearest": ["x", "y"]})
    figure = ranks(frame, Source(("a",)))
    assert figure.layout.yaxis.autorange == "reversed"
    assert figure.layout.yaxis.type == "log"
    assert list(figure.data[0].y) == [40, 3]
    assert list(figure.data[1].y) == [50, 50]
