"""Curves of training runs as a grid, a panel a figure: what is logged while training a line, what is validated points.

Smoothing is an exponential moving average that forgets its beginning (Kingma & Ba 2015, section 3); the line as it was
logged stays behind it, faint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from webapp.research.plots.paper import COLOURS, DASHES, Source, blank

COLUMNS, PANEL_PX, EXPORTED_PX = 3, 250, 300
MOST_POINTS = 400  # of a line: more than a panel has pixels
SYMBOLS = {"circle": "●", "diamond": "◆", "square": "■", "triangle-up": "▲"}
Look = tuple[str, str, str]  # colour, dash and symbol


def looks(runs: Sequence[str]) -> dict[str, Look]:
    """A colour for each run, in their order; dash and symbol change where colours begin again."""
    symbols, count = list(SYMBOLS), len(COLOURS)
    return {
        run: (COLOURS[i % count], DASHES[i // count % len(DASHES)], symbols[i // count % len(symbols)])
        for i, run in enumerate(runs)
    }


def smoothed(values: Sequence[float], weight: float) -> list[float]:
    """Each value with the ``weight`` (0 to 1) of what came before it."""
    found, mean = [], 0.0
    for place, value in enumerate(values, start=1):
        mean = weight * mean + (1 - weight) * value
        found.append(mean / (1 - weight**place))
    return found


def panel(frame: pd.DataFrame, of: Mapping[str, Look], figure: str, *, smoothing: float, log: bool) -> go.Figure:
    """One figure of a page's grid: rows ``run, part, step, value`` in the order of steps."""
    drawn = blank(Source(()), height_px=PANEL_PX)
    drawn.add_traces(list(_lines(frame, of, smoothing)))
    drawn.update_layout(
        title={"text": figure, "x": 0, "xanchor": "left", "y": 0.98, "yanchor": "top", "font": {"size": 15}},
        showlegend=False, margin={"l": 6, "r": 10, "t": 34, "b": 24},
        modebar={"remove": ["toimage", "select2d", "lasso2d", "autoscale"]}, font={"size": 13},
    )  # fmt: skip
    drawn.layout.annotations = ()  # where it comes from stands once, below all of them
    drawn.update_yaxes(type="log" if log else "linear", nticks=5)
    drawn.update_xaxes(nticks=5)
    return drawn


def grid(
    frame: pd.DataFrame, source: Source, runs: Sequence[str], figures: Sequence[str], smoothing: float
) -> go.Figure:
    """All of them on one sheet, to be taken along: rows ``run, part, figure, step, value``."""
    height = -(-max(1, len(figures)) // COLUMNS)
    drawn = make_subplots(
        height, COLUMNS, subplot_titles=list(figures), vertical_spacing=0.3 / height, horizontal_spacing=0.07
    )
    of = looks(runs)
    for place, figure in enumerate(figures):
        for line in _lines(frame[frame["figure"] == figure], of, smoothing):
            named = place == 0 and line.opacity is None
            drawn.add_trace(line.update(showlegend=named), place // COLUMNS + 1, place % COLUMNS + 1)
    around = blank(source, height_px=EXPORTED_PX * height + 130)
    titles = drawn.layout.annotations
    drawn.layout.annotations = ()
    drawn.update_layout(around.layout)
    drawn.layout.annotations = [*titles, *around.layout.annotations]
    drawn.update_layout(margin={"t": 60}, legend={"y": 1 + 30 / (EXPORTED_PX * height)})
    drawn.update_xaxes(gridcolor="rgba(123,133,130,0.25)", automargin=True)
    drawn.update_yaxes(gridcolor="rgba(123,133,130,0.25)", automargin=True)
    return drawn


def _lines(frame: pd.DataFrame, of: Mapping[str, Look], smoothing: float) -> Iterator[go.Scatter]:
    for (run, part), line in frame.groupby(["run", "part"], sort=False):
        colour, dash, symbol = of[str(run)]
        steps, values = line["step"].tolist(), line["value"].tolist()
        look = {"color": colour, "width": 1.5, "dash": dash}
        marked = part != "train" or len(steps) == 1
        if smoothing and len(steps) > 1:
            yield go.Scatter(
                x=_thin(steps), y=_thin(values), mode="lines", line={**look, "width": 1}, opacity=0.25,
                hoverinfo="skip", showlegend=False,
            )  # fmt: skip
            values = smoothed(values, smoothing)
        yield go.Scatter(
            x=_thin(steps), y=_thin(values), mode="lines+markers" if marked else "lines", line=look,
            marker={"size": 6, "symbol": symbol, "color": colour}, name=f"{run}, {part}",
            hovertemplate="%{fullData.name}, step %{x}: %{y:.4g}<extra></extra>",
        )  # fmt: skip


def _thin(values: Sequence[float]) -> list[float]:
    """At most ``MOST_POINTS`` of them, evenly, with the first and the last."""
    if len(values) <= MOST_POINTS:
        return list(values)
    return [values[round(place * (len(values) - 1) / (MOST_POINTS - 1))] for place in range(MOST_POINTS)]
