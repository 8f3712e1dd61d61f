"""What a study's tastes are made of, as figures: rows with ``value``, ``low`` and ``high`` in."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from webapp.research.plots.paper import COLOURS, GREY, Source, blank, whiskers

FELT, TEAL, OCHRE = COLOURS[:3]
PERCENT = "%{x:.0f}\u00a0%: %{y:.0f}\u00a0%"


def kinds(frame: pd.DataFrame, source: Source) -> go.Figure:
    """Rows ``directions, value, low, high, chosen``: held-out log likelihood by the number of taste directions."""
    figure = blank(source, x="taste directions", y="held-out gain, nats a vote")
    _points(figure, frame, x="directions", name="gain over none", line=True)
    figure.add_hline(y=0, line={"color": OCHRE, "width": 2, "dash": "dash"})
    taken = frame[frame["chosen"].astype(bool)]
    figure.add_scatter(
        x=taken["directions"].tolist(), y=taken["value"].tolist(), mode="markers", name="what newcomers begin with",
        marker={"size": 16, "symbol": "circle-open", "color": FELT, "line": {"width": 3}},
    )  # fmt: skip
    figure.update_xaxes(dtick=1)
    return figure


def ceilings(frame: pd.DataFrame, source: Source) -> go.Figure:
    """Rows ``listener, value, low, high, n, ceiling, repeats``: accuracy against one's own ceiling, if known."""
    figure = blank(source, x="ceiling: own consistency", y="accuracy before the vote")
    known = frame[frame["ceiling"].notna()]
    _points(figure, 100 * known, x="ceiling", name="one listener", hover=PERCENT)
    line = {"color": OCHRE, "width": 2, "dash": "dash"}
    figure.add_scatter(x=[50, 100], y=[50, 100], mode="lines", line=line, name="as well as possible")
    figure.update_xaxes(range=[45, 103], ticksuffix="\u00a0%")
    figure.update_yaxes(range=[0, 103], ticksuffix="\u00a0%")
    return figure


def calibration(frame: pd.DataFrame, source: Source) -> go.Figure:
    """Rows ``predicted, value, low, high, n``: in ten bins, how often the left clip won beside what was predicted."""
    figure = blank(source, x="predicted chance of the left clip", y="how often it was picked")
    line = {"color": OCHRE, "width": 2, "dash": "dash"}
    figure.add_scatter(x=[0, 100], y=[0, 100], mode="lines", line=line, name="calibrated")
    _points(figure, 100 * frame, x="predicted", name="a tenth of the votes", hover=PERCENT)
    figure.update_xaxes(range=[0, 100], ticksuffix="\u00a0%")
    figure.update_yaxes(range=[0, 100], ticksuffix="\u00a0%")
    return figure


def policies(frame: pd.DataFrame, source: Source) -> go.Figure:
    """Rows ``policy, value, low, high, n``: surprise of a vote by what drew its pair."""
    rows = frame.sort_values("value")
    figure = blank(source, x="surprise of a vote, nats", height_px=220 + 34 * len(rows))
    figure.add_scatter(
        y=rows["policy"].tolist(), x=rows["value"].tolist(), mode="markers", error_x={**whiskers(rows), "color": GREY},
        marker={"size": 10, "color": [FELT if "weighed" in name else TEAL for name in rows["policy"]]},
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
    )  # fmt: skip
    return figure


def popularity(frame: pd.DataFrame, source: Source) -> go.Figure:
    """Rows ``clip, plays, value, low, high``: how often a clip was judged, and its utility to the average one."""
    figure = blank(source, x="pairs that it was judged in", y="utility to the average listener")
    figure.add_scatter(
        x=frame["plays"].tolist(), y=frame["value"].tolist(), mode="markers", name="a clip",
        marker={"color": TEAL, "size": 7, "opacity": 0.7},
        error_y={**whiskers(frame), "color": GREY, "thickness": 0.7, "width": 0},
        hovertemplate="played %{x} times, utility %{y:.2f}<extra></extra>",
    )  # fmt: skip
    return figure


def _points(
    figure: go.Figure,
    frame: pd.DataFrame,
    *,
    x: str,
    name: str,
    line: bool = False,
    hover: str = "%{x:.3g}: %{y:.3f}",
) -> None:
    """Points with their intervals."""
    figure.add_scatter(
        x=frame[x].tolist(), y=frame["value"].tolist(), mode="lines+markers" if line else "markers", name=name,
        marker={"color": TEAL, "size": 9}, error_y={**whiskers(frame), "color": GREY},
        hovertemplate=f"{hover}<extra></extra>",
    )  # fmt: skip
