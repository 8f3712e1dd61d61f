"""How well each variant finds: a bar each with its interval, a dot a seed, and the line of chance."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from webapp.research.plots.paper import COLOURS, GREY, Source, blank, whiskers


def variants(frame: pd.DataFrame, source: Source, measure: str = "MRR") -> go.Figure:
    """Rows ``condition, seed, value, low, high, chance``: one without a seed a bar, those with one its dots.

    A bar without ``low`` and ``high`` has no interval.
    """
    bars = frame[frame["seed"].isna()].sort_values("value")
    dots = frame[frame["seed"].notna()]
    figure = blank(source, x=measure, height_px=230 + 30 * len(bars))
    figure.add_bar(
        y=bars["condition"].tolist(),
        x=bars["value"].tolist(),
        error_x={**whiskers(bars), "color": GREY},
        orientation="h",
        marker={"color": [GREY if name == "ridge" else COLOURS[1] for name in bars["condition"]]},
        name="all seeds",
        hovertemplate="%{y}: %{x:.4f}<extra></extra>",
    )
    figure.add_scatter(
        y=dots["condition"].tolist(),
        x=dots["value"].tolist(),
        mode="markers",
        marker={"color": COLOURS[0], "size": 6},
        name="one seed",
        text=[f"seed {int(seed)}" for seed in dots["seed"]],
        hovertemplate="%{y}, %{text}: %{x:.4f}<extra></extra>",
    )
    if len(bars) and bars["chance"].notna().any():
        expected = float(bars["chance"].dropna().iloc[0])
        line = {"color": COLOURS[2], "width": 2, "dash": "dash"}
        figure.add_vline(x=expected, line=line, name=f"chance {expected:.4f}", showlegend=True)
    figure.update_yaxes(categoryorder="array", categoryarray=bars["condition"].tolist())
    figure.update_xaxes(rangemode="tozero")
    return figure
