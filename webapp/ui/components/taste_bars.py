"""Best guesses with their intervals on lines: what a listener leans to, and how often a guess was right.

Run ``python -m webapp.ui.components.taste_bars`` for a page of ten lines that shows some.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from webapp.ui.components.component import Component

Z95 = 1.96
NARROWEST = 0.5  # half the width of the axis, in utility, so that little is not drawn as much


@dataclass(frozen=True)
class Estimate:
    """A best guess and its 95 % interval; ``whose`` tells two people on one line apart (``you``, ``they``)."""

    value: float
    low: float
    high: float
    whose: str = ""

    @classmethod
    def normal(cls, value: float, sd: float, whose: str = "") -> Estimate:
        """The interval of a Gaussian."""
        return cls(value, value - Z95 * sd, value + Z95 * sd, whose)


@dataclass(frozen=True)
class Bar:
    """One line.

    Args:
        name: What it is about; with ``words`` (the verdict) and ``note`` (small print below) it stands above the line.
        estimates: One, or two on the same line.
        less, more: What the two ends of the axis are called.
        points: A figure at the end of the line.
        decided: Whether the interval excludes the middle: then it is drawn in the accent colour.
        described: The same in words, for whoever can't see it.
        test_id: The row's ``data-testid``.
    """

    name: str
    estimates: Sequence[Estimate]
    words: str = ""
    note: str = ""
    less: str = ""
    more: str = ""
    points: str = ""
    decided: bool = False
    described: str = ""
    test_id: str = ""


class TasteBars(Component):
    """Lines with guesses and intervals.

    Args:
        value: The bars.
        share: Whether the axis is a share from 0 to 1, with a mark at ``chance``; otherwise 0 is in the middle
            and it is as wide as the bars need.
        chance: Where a coin, or whatever knows nothing, would lie; only with ``share``.
    """

    script = "taste_bars.js"
    described = "bars with name, words and places in per cent"
    api_type = "array"

    def __init__(
        self, value: Sequence[Bar] | None = None, *, share: bool = False, chance: float = 0.5, **settings: Any
    ) -> None:
        self.share = share
        super().__init__(
            value,
            html_template='<div class="kallos k-leanings" style="visibility: hidden"></div>',
            share=share,
            chance=chance,
            **settings,
        )

    def postprocess(self, value: Any) -> Any:
        """The bars with their places on the axis, in per cent."""
        bars: list[Bar] = list(value or ())
        ends = [abs(end) for bar in bars for each in bar.estimates for end in (each.low, each.high)]
        half = max([NARROWEST, *ends])

        def place(number: float) -> float:
            return 100 * number if self.share else 50 + 50 * max(-1.0, min(1.0, number / half))

        return [
            {
                **{name: each for name, each in asdict(bar).items() if name != "estimates"},
                "places": [
                    {"value": place(each.value), "low": place(each.low), "high": place(each.high), "whose": each.whose}
                    for each in bar.estimates
                ],
            }
            for bar in bars
        ]


if __name__ == "__main__":
    import gradio as gr

    BARS = [
        Bar("Tempo", [Estimate.normal(0.6, 0.2)], "Fast (decided)", less="slow", more="fast", decided=True),
        Bar("Register", [Estimate.normal(-0.1, 0.4)], "Can't tell yet", less="low", more="high"),
    ]
    with gr.Blocks() as demo:
        TasteBars(BARS, interactive=True)
        TasteBars([Bar("", [Estimate(0.75, 0.47, 0.91)], decided=True)], share=True, interactive=True)
    demo.launch()
