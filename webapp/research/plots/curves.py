"""Learning curves: a thin line a run, a thick one for the mean of a condition's seeds, dashed where chance lies."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from webapp.research.plots.paper import GREY, Source, blank, colours


def curves(frame: pd.DataFrame, source: Source, measure: str = "validation MRR") -> go.Figure:
    """Rows ``condition, run, step, value, chance``, in the order of steps."""
    figure = blank(source, x="step", y=measure, height_px=440)
    looks = colours(sorted(frame["condition"].unique()))
    for condition, found in frame.groupby("condition"):
        colour, dash = looks[str(condition)]
        several = found["run"].nunique() > 1
        for run, line in found.groupby("run") if several else ():
            figure.add_scatter(
                x=line["step"].tolist(), y=line["value"].tolist(), mode="lines", name=str(run), showlegend=False,
                legendgroup=str(condition), opacity=0.3, line={"color": colour, "width": 1}, hoverinfo="skip",
            )  # fmt: skip
        mean = found.groupby("step")["value"].mean()
        figure.add_scatter(
            x=mean.index.tolist(), y=mean.tolist(), mode="lines+markers", name=str(condition),
            legendgroup=str(condition), line={"color": colour, "width": 2, "dash": dash}, marker={"size": 4},
            hovertemplate="%{fullData.name}, step %{x}: %{y:.4f}<extra></extra>",
        )  # fmt: skip
    if len(frame) and frame["chance"].notna().any():
        expected = frame.groupby("step")["chance"].mean()
        figure.add_scatter(
            x=expected.index.tolist(), y=expected.tolist(), mode="lines", name="chance",
            line={"color": GREY, "dash": "dash"}, hovertemplate="chance: %{y:.4f}<extra></extra>",
        )  # fmt: skip
    return figure
