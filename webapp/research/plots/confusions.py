"""What was taken for what: true types in rows, what they were taken for in columns, shares of a row."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from webapp.research.plots.paper import COLOURS, Source, blank


def confusions(frame: pd.DataFrame, source: Source, *, asked: str = "type", answered: str = "taken for") -> go.Figure:
    """Rows ``genre, read_as, value``."""
    table = frame.pivot_table(index="genre", columns="read_as", values="value", aggfunc="mean").fillna(0.0)
    kinds = sorted(table.index)
    answers = kinds + sorted({*table.columns} - {*kinds})
    table = table.reindex(index=kinds, columns=answers, fill_value=0.0)
    figure = blank(source, x=answered, y=asked, height_px=230 + 38 * len(kinds))
    figure.add_heatmap(
        z=table.to_numpy().tolist(),
        x=answers,
        y=kinds,
        zmin=0,
        zmax=1,
        colorscale=[[0, "rgba(43,138,134,0)"], [1, COLOURS[1]]],
        texttemplate="%{z:.2f}",
        showscale=False,
        xgap=2,
        ygap=2,
        hovertemplate="%{y} taken for %{x}: %{z:.3f}<extra></extra>",
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(showgrid=False)
    return figure
