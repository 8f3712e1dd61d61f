from __future__ import annotations

from itertools import product

from webapp.research.plots import COLOURS


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_colour_can_be_told_from_light_and_dark_paper() -> None:
    for colour, paper in product(COLOURS, ("#f4f5f2", "#0f1212")):
        dark, light = sorted((luminance(colour), luminance(paper)))
        assert (light + 0.05) / (dark + 0.05) >= 3
