"""How hard each style still is while a model learns: what is left of its loss since the first validation."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from webapp.research.plots.paper import Source, blank, colours


def hardest(frame: pd.DataFrame, source: Source) -> go.Figure:
    """Rows ``step, style, loss, share, hardest``; the style of which most is left at a step is marked."""
    figure = blank(source, x="step", y="loss, share of the first", height_px=440)
    looks = colours(list(dict.fromkeys(frame["style"])))
    for style, line in frame.groupby("style", sort=False):
        colour, dash = looks[str(style)]
        marked = [11 if each else 4 for each in line["hardest"]]
        figure.add_scatter(
            x=line["step"].tolist(), y=line["share"].tolist(), mode="lines+markers", name=str(style),
            line={"color": colour, "width": 2, "dash": dash}, marker={"size": marked},
            customdata=line["loss"].tolist(),
            hovertemplate="%{fullData.name}, step %{x}: %{y:.0%} left (%{customdata:.3g})<extra></extra>",
        )  # fmt: skip
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    return figure
