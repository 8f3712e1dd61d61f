"""Plots: a data frame in, a figure out. Whatever is drawn, the frame is what the CSV holds.

All figures share one look: the colours of the page, whiskers for intervals, and their source in a corner.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

Look = tuple[str, str, str]  # colour, dash and symbol

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


COLUMNS, PANEL_PX, EXPORTED_PX = 3, 250, 300
MOST_POINTS = 400  # of a line: more than a panel has pixels
SYMBOLS = {"circle": "●", "diamond": "◆", "square": "■", "triangle-up": "▲"}


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
