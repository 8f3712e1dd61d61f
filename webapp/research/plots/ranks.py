"""The rank of what was asked for over time: 1 is on top, and what stood nearest instead shows on pointing at it."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from webapp.research.plots.paper import GREY, Source, blank, colours


def ranks(frame: pd.DataFrame, source: Source) -> go.Figure:
    """Rows ``run, step, rank, pool, nearest``, in the order of steps."""
    figure = blank(source, x="step", y="rank of the right one (log)", height_px=360)
    looks = colours(frame["run"].unique().tolist())
    for run, line in frame.groupby("run", sort=False):
        colour, dash = looks[str(run)]
        figure.add_scatter(
            x=line["step"].tolist(),
            y=line["rank"].tolist(),
            mode="lines+markers",
            name=str(run),
            line={"color": colour, "dash": dash, "width": 2},
            text=line["nearest"].tolist(),
            hovertemplate="%{fullData.name}, step %{x}: rank %{y}<br>nearest: %{text}<extra></extra>",
        )
    if len(frame):
        ends = [int(frame["step"].min()), int(frame["step"].max())]
        figure.add_scatter(
            x=ends, y=[(int(frame["pool"].max()) + 1) / 2] * 2, mode="lines", name="middle of the pool",
            line={"color": GREY, "dash": "dash"}, hoverinfo="skip",
        )  # fmt: skip
        ticks = [1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000]
        figure.update_yaxes(type="log", autorange="reversed", tickvals=ticks, rangemode="normal")
    return figure
