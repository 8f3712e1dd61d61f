"""What all plots share: colours that can be told apart on light and dark paper, margins, and where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

# felt, teal, ochre, slate, plum, olive, rust, grey; each has a contrast of 3 : 1 at least to ivory and to ebony
COLOURS = ("#c8445c", "#2b8a86", "#b07a1e", "#6878b8", "#98609f", "#728530", "#b5613a", "#7b8582")
GREY = "#7b8582"
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
MARGIN_PX = {"l": 10, "r": 14, "t": 10, "b": 96}
PAGE_MARGIN_PX = 58  # at the bottom, where the source doesn't stand
TOOLS = ("toimage", "zoom", "pan", "select", "lasso", "zoomin", "zoomout", "autoscale", "resetscale")  # of Plotly's bar


@dataclass(frozen=True)
class Source:
    """Where a figure comes from: logs, what was trained on, and the commit that trained; printed below the plot."""

    runs: tuple[str, ...]
    data: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line, with the names of the first runs where there are many."""
        shown = ", ".join(self.runs[:2]) + (f" and {len(self.runs) - 2} more" if len(self.runs) > 2 else "")
        parts = [f"run {shown}", f"data {', '.join(self.data) or 'unknown'}"]
        return " · ".join([*parts, f"commit {', '.join(commit[:12] for commit in self.commits) or 'unknown'}"])


def blank(source: Source, *, x: str = "", y: str = "", height_px: int = 380) -> go.Figure:
    """A figure without traces: transparent, so that the page's own paper shows, with its source in a corner."""
    figure = go.Figure()
    figure.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "Hanken Grotesk, system-ui, sans-serif", "size": 14},
        colorway=list(COLOURS),
        height=height_px,
        margin=MARGIN_PX,
        hoverlabel={"align": "left"},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        annotations=[
            {
                "text": str(source).replace(" · ", "<br>", 1), "align": "left", "showarrow": False, "name": "source",
                "xref": "paper", "yref": "paper", "x": 0, "y": 0, "yshift": -94, "font": {"size": 10},
                "xanchor": "left", "yanchor": "bottom",
            }
        ],
    )  # fmt: skip
    grid = {
        "gridcolor": "rgba(123,133,130,0.25)", "zerolinecolor": "rgba(123,133,130,0.6)", "automargin": True,
        "ticklabelstandoff": 5,
    }  # fmt: skip
    figure.update_xaxes(title={"text": x, "standoff": 14}, **grid)
    figure.update_yaxes(title={"text": y, "standoff": 14}, **grid)
    return figure


def on_page(figure: go.Figure) -> go.Figure:
    """A copy for a page, which says itself where the figure comes from; its text takes the colour of the page."""
    shown = go.Figure(figure)
    shown.layout.annotations = [each for each in figure.layout.annotations if each.name != "source"]
    shown.update_layout(
        margin={"b": PAGE_MARGIN_PX},
        height=figure.layout.height - figure.layout.margin.b + PAGE_MARGIN_PX,
        modebar={"remove": list(TOOLS)},
    )
    return shown


def colours(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """A colour and a dash for each name, in their order: the dash changes where colours begin again."""
    return {name: (COLOURS[i % len(COLOURS)], DASHES[i // len(COLOURS) % len(DASHES)]) for i, name in enumerate(names)}


def whiskers(frame: pd.DataFrame) -> dict[str, object]:
    """Error bars from the columns ``value``, ``low`` and ``high``; none where there is no interval."""
    if not frame["low"].notna().any():
        return {"visible": False}
    return {
        "type": "data",
        "symmetric": False,
        "array": (frame["high"] - frame["value"]).tolist(),
        "arrayminus": (frame["value"] - frame["low"]).tolist(),
        "thickness": 1.5,
        "width": 4,
    }
