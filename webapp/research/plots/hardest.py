"""How hard each style still is while a model learns, a line a style."""

from __future__ import annotations

from typing import Literal

import pandas as pd
import plotly.graph_objects as go

from webapp.research.plots.paper import COLOURS, Source, blank, colours


def hardest(
    frame: pd.DataFrame,
    source: Source,
    measure: str = "loss, share of the first",
    of: Literal["share", "loss"] = "share",
) -> go.Figure:
    """Rows ``step, style, loss, share, hardest``; the style of which most is left at a step is marked.

    What was measured at one step alone stands as bars.
    """
    figure = blank(source, x="step", y=measure, height_px=280)
    if frame["step"].nunique() == 1:
        figure.add_bar(
            x=frame["style"].tolist(), y=frame[of].tolist(), marker={"color": COLOURS[1]},
            hovertemplate="%{x}: %{y:.3g}<extra></extra>",
        )  # fmt: skip
        return figure.update_xaxes(title={"text": f"at step {frame['step'].iloc[0]:,}"})
    scale = 100 if of == "share" else 1
    looks = colours(list(dict.fromkeys(frame["style"])))
    told = "%{y:.0f}\u00a0% left (%{customdata:.3g})" if of == "share" else "%{y:.3g}"
    for style, line in frame.groupby("style", sort=False):
        colour, dash = looks[str(style)]
        marked = [11 if each else 4 for each in line["hardest"]]
        figure.add_scatter(
            x=line["step"].tolist(), y=(scale * line[of]).tolist(), mode="lines+markers", name=str(style),
            line={"color": colour, "width": 2, "dash": dash}, marker={"size": marked},
            customdata=line["loss"].tolist(),
            hovertemplate=f"%{{fullData.name}}, step %{{x}}: {told}<extra></extra>",
        )  # fmt: skip
    figure.update_yaxes(ticksuffix="\u00a0%" if of == "share" else "", rangemode="tozero")
    return figure
