"""Figures of the pages Rate, Dreams and Agent: what the network saw and felt, how a dream climbed, an agent learnt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from models.atlas.points import Track
from models.rating.mel_bands import band_centres_hz
from webapp.rating.agents import Learning
from webapp.rating.dreams import Dreaming
from webapp.rating.rated_sounds import RatedSound

INK = ((0.0, "rgba(123,133,130,0)"), (1.0, "#7b8582"))
LOWERED, RAISED = "#2b8a86", "#c8445c"
GENRES = ("#2b8a86", "#b07a1e", "#6b6fb3", "#7b8582", "#8a5a83", "#5f8f3e")
LAYOUT = {
    "template": "none", "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"family": "Hanken Grotesk, system-ui, sans-serif", "size": 14, "color": "#7b8582"},
}  # fmt: skip
TICKS_HZ = (100, 500, 1000, 2000, 5000)
HEIGHT_PX = 420


def seen_and_felt(sound: RatedSound) -> go.Figure:
    """Two pictures over time: loudness by frequency; where p was raised (red) and where lowered (teal)."""
    if sound.picture is None:
        raise ValueError(f"{sound.name} has no picture")
    both = sound.attribution is not None
    figure = make_subplots(rows=1 + both, cols=1, shared_xaxes=True, vertical_spacing=0.06)
    seconds = np.linspace(0, sound.shown_s, sound.picture.shape[1])
    figure.add_heatmap(
        z=np.round(sound.picture, 2), x=seconds, colorscale=INK, showscale=False, row=1, col=1,
        hovertemplate="%{x:.1f} s<extra></extra>",
    )  # fmt: skip
    if sound.attribution is not None:
        most = float(np.quantile(np.abs(sound.attribution), 0.995)) or 1.0
        figure.add_heatmap(
            z=np.round(sound.attribution / most, 2), x=seconds, zmin=-1, zmax=1, showscale=False, row=2, col=1,
            colorscale=((0.0, LOWERED), (0.5, "rgba(123,133,130,0)"), (1.0, RAISED)),
            hovertemplate="%{x:.1f} s<extra></extra>",
        )  # fmt: skip
    places = np.interp(TICKS_HZ, band_centres_hz(), np.arange(len(sound.picture)))
    labels = [f"{each / 1000:g} kHz" if each >= 1000 else f"{each} Hz" for each in TICKS_HZ]
    figure.update_yaxes(tickvals=places, ticktext=labels, showgrid=False, zeroline=False, automargin=True)
    figure.update_xaxes(showgrid=False, zeroline=False)
    figure.update_xaxes(title={"text": "seconds", "standoff": 10}, row=1 + both, col=1)
    height = HEIGHT_PX if both else HEIGHT_PX // 2
    figure.update_layout(**LAYOUT, height=height, margin={"l": 10, "r": 14, "t": 10, "b": 48})
    return figure


def among(tracks: Sequence[Track], sounds: Sequence[RatedSound]) -> go.Figure:
    """Tracks by genre, the larger the higher their p, and numbered among them the sounds that have a place."""
    figure = go.Figure()
    largest = max((track.p for track in tracks), default=1.0) or 1.0
    for number, genre in enumerate(sorted({track.genre for track in tracks})):
        some = [track for track in tracks if track.genre == genre]
        figure.add_scatter(
            x=[track.x for track in some], y=[track.y for track in some], mode="markers", name=genre or "tracks",
            marker={
                "size": [5 + 9 * track.p / largest for track in some], "opacity": 0.75, "line": {"width": 0},
                "color": GENRES[number % len(GENRES)],
            },
            text=[f"{track.genre} {track.name}: liked by {track.liked} of {track.played}".strip() for track in some],
            hovertemplate="%{text}<extra></extra>",
        )  # fmt: skip
    placed = [(number, each) for number, each in enumerate(sounds, 1) if each.x is not None]
    figure.add_scatter(
        x=[each.x for _, each in placed], y=[each.y for _, each in placed], mode="markers+text",
        name="yours", marker={"size": 17, "symbol": "diamond", "color": RAISED, "line": {"width": 2, "color": "#fff"}},
        text=[f"<b>{number}</b>" for number, _ in placed], textposition="top center", textfont={"size": 16},
        hovertext=[f"{each.name}, near {', '.join(each.nearest)}" for _, each in placed],
        hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(**LAYOUT, height=HEIGHT_PX, margin={"l": 4, "r": 4, "t": 30, "b": 4}, showlegend=True)
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "itemsizing": "constant"})
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x")
    return figure


Lines = dict[str, tuple[str, str, list[float | None]]]  # name → colour, dash, the value at each step


def climbed(dreaming: Dreaming) -> go.Figure:
    """p, the judge and the critic by step; where p rises and the judge does not, the ground is red."""
    figure = go.Figure()
    numbers = [each.step for each in dreaming.steps]
    lines: Lines = {
        "p": (RAISED, "solid", [each.p for each in dreaming.steps]),
        "the judge": (LOWERED, "dash", [each.judge for each in dreaming.steps]),
        "the critic": ("#b07a1e", "dot", [each.realness for each in dreaming.steps]),
    }
    _add_lines(figure, numbers, lines, "lines")
    for each in dreaming.steps:
        if each.alarm:
            figure.add_vrect(
                x0=each.step - 0.5, x1=each.step + 0.5, fillcolor=RAISED, opacity=0.18, line_width=0, layer="below"
            )
    return _by_step(figure, dreaming.order.steps)


def learnt(learning: Learning) -> go.Figure:
    """What an agent is rewarded and what the judge says of it, by step."""
    figure = go.Figure()
    numbers = [each.step for each in learning.steps]
    lines: Lines = {
        "the reward": (RAISED, "solid", [each.reward for each in learning.steps]),
        "the judge": (LOWERED, "dash", [each.judge for each in learning.steps]),
    }
    _add_lines(figure, numbers, lines, "lines+markers")
    return _by_step(figure, learning.order.steps)


def _add_lines(figure: go.Figure, numbers: list[int], lines: Lines, mode: str) -> None:
    for name, (colour, dash, values) in lines.items():
        if any(value is not None for value in values):
            figure.add_scatter(
                x=numbers, y=values, name=name, mode=mode, line={"color": colour, "dash": dash, "width": 2}
            )


def _by_step(figure: go.Figure, steps: int) -> go.Figure:
    figure.update_layout(
        **LAYOUT, height=320, margin={"l": 10, "r": 14, "t": 30, "b": 48}, showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    grid = {"gridcolor": "rgba(123,133,130,0.25)", "zeroline": False, "automargin": True}
    figure.update_xaxes(title={"text": "step", "standoff": 10}, range=[0, steps], **grid)
    figure.update_yaxes(title={"text": "standard deviations", "standoff": 10}, **grid)
    return figure
