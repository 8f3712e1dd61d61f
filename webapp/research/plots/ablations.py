"""What each piece of information is worth: the difference that its lack makes, with its interval."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from webapp.research.plots.paper import GREY, Source, blank, colours, whiskers


def ablations(frame: pd.DataFrame, source: Source, measure: str = "MRR") -> go.Figure:
    """Rows ``without, variant, value, low, high, p``: a dot each, a colour a variant."""
    order = frame.groupby("without")["value"].mean().sort_values(ascending=False).index.tolist()
    looks = colours(sorted(frame["variant"].unique()))
    figure = blank(source, x=f"change of {measure}", height_px=220 + 34 * len(order))
    figure.add_vline(x=0, line={"color": GREY, "width": 1})
    for variant, found in frame.groupby("variant"):
        colour, _ = looks[str(variant)]
        figure.add_scatter(
            x=found["value"].tolist(),
            y=found["without"].tolist(),
            mode="markers",
            name=str(variant),
            marker={"color": colour, "size": 9},
            error_x={**whiskers(found), "color": colour},
            text=[f"p {p:.3f}" for p in found["p"]],
            hovertemplate="%{y}: %{x:+.4f}, %{text}<extra>%{fullData.name}</extra>",
        )
    figure.update_yaxes(categoryorder="array", categoryarray=order)
    return figure
