"""The figure of the Tension page: the notes, coloured by surprise, above how open and how recognised each bar was."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from models.music.keys import pitch_name
from models.tension.curves import Curves, HeardNote

CALM, TENSE, GREY = "#2b8a86", "#c8445c", "#7b8582"
LEAST_NATS = 3.0  # of surprise, from which on a note may be as red as can be
BY_CHANCE = 1 / 16
HEIGHTS = (0.5, 0.25, 0.25)
HEIGHT_PX = 620


def lanes(called: str, music: Curves) -> go.Figure:
    """Three lanes over bars: notes, surprise and uncertainty, and how surely a bar is known as the piece's own."""
    if not music.notes:
        raise ValueError(f"{called} has no notes to draw")
    reddest = max(LEAST_NATS, float(np.quantile([note.surprise for note in music.notes], 0.95)))
    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.05, row_heights=HEIGHTS)
    figure.add_bar(
        x=[note.length for note in music.notes], base=[note.onset + 1 for note in music.notes],
        y=[note.pitch for note in music.notes], orientation="h", width=0.9, showlegend=False,
        marker={
            "color": [note.surprise for note in music.notes], "cmin": 0, "cmax": reddest, "line": {"width": 0},
            "colorscale": ((0.0, CALM), (0.5, GREY), (1.0, TENSE)),
        },
        customdata=[_told(note) for note in music.notes], hovertemplate="%{customdata}<extra></extra>", row=1, col=1,
    )  # fmt: skip
    bars = [number + 1.5 for number in range(len(music.surprise))]
    curves = (
        ("surprise", music.surprise, TENSE, "solid", 2),
        ("uncertainty", music.uncertainty, CALM, "dash", 2),
        ("recognised", music.recognised, GREY, "solid", 3),
    )
    for name, values, colour, dash, row in curves:
        figure.add_scatter(
            x=bars[: len(values)], y=list(values), name=name, mode="lines+markers", row=row, col=1,
            line={"color": colour, "dash": dash, "width": 2}, marker={"size": 5},
            customdata=list(range(1, len(values) + 1)),
            hovertemplate=f"bar %{{customdata}}: {name} %{{y:.2f}}<extra></extra>",
        )  # fmt: skip
    figure.add_scatter(
        x=[beat.onset + beat.length / 2 + 1 for beat in music.beats], y=[beat.surprise for beat in music.beats],
        name="surprise by beat", mode="lines", line={"color": TENSE, "width": 1}, opacity=0.7, row=2, col=1,
        hovertemplate="bar %{x:.2f}: surprise of the beat %{y:.2f}<extra></extra>",
    )  # fmt: skip
    figure.add_hline(y=BY_CHANCE, line={"color": GREY, "dash": "dot", "width": 1}, row=3, col=1)
    low, high = (end(note.pitch for note in music.notes) for end in (min, max))
    octaves = [pitch for pitch in range(low - low % 12, high + 13, 12) if low - 2 <= pitch <= high + 2]
    figure.update_yaxes(tickvals=octaves, ticktext=[pitch_name(each) for each in octaves], row=1, col=1)
    figure.update_yaxes(title={"text": "nats a note"}, rangemode="tozero", row=2, col=1)
    figure.update_yaxes(title={"text": "chance"}, range=[0, 1], row=3, col=1)
    figure.update_xaxes(title={"text": "bar", "standoff": 10}, row=3, col=1)
    figure.update_xaxes(range=[1, len(music.surprise) + 1])
    grid = {"gridcolor": "rgba(123,133,130,0.25)", "zeroline": False, "automargin": True}
    figure.update_xaxes(**grid)
    figure.update_yaxes(**grid)
    figure.update_layout(
        template="none", paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", height=HEIGHT_PX, bargap=0,
        font={"family": "Hanken Grotesk, system-ui, sans-serif", "size": 14, "color": GREY},
        margin={"l": 10, "r": 14, "t": 34, "b": 48}, showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    return figure


def _told(note: HeardNote) -> str:
    expected = ", ".join(f"{pitch_name(pitch)} {chance:.0%}" for pitch, chance in note.expected)
    return (
        f"bar {int(note.onset) + 1}: {pitch_name(note.pitch)}, surprise {note.surprise:.1f} nats, "
        f"uncertainty {note.uncertainty:.1f}, of when, pitch, length and loudness together"
        f"<br>likeliest pitches here: {expected}"
    )
