"""The tab of the styles page that follows a training run: how hard each style still is, and what its latents hold."""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from webapp.context import Context
from webapp.research.styles import training_log
from webapp.research.styles.training_log import CURVES
from webapp.runtime.errors import NotAllowed
from webapp.ui.charts import Chart, chart
from webapp.ui.components.view_link import ViewLink
from webapp.ui.dashboards import STILL
from webapp.ui.handlers import bound
from webapp.ui.layout import CHOICE, explained
from webapp.ui.pages.style_parts import csv_link, radio
from webapp.ui.words import unbroken

EXPLAINED = {
    "losses": "What each style tells of the notes (content their pitches, rhythm their onsets, register their octaves, "
    "harmony pitch classes, dynamics velocities, texture how many sound at once), as a share of the loss at the first "
    "validation. The large point is the style of which most is left.",
    "bits": "How many bits a bar each style's latents hold at each validation.",
    "curiosity": "Of a run that chose what to train on by learning progress: what clips with one style of others cost, "
    "in nats a note, as a share of the first time. The large point is the hardest.",
}


def build_training(context: Context, link: ViewLink) -> tuple[Chart, tuple[Any, ...]]:
    """The chart, and all components that ``shown`` fills."""
    with gr.Row(visible=False, elem_classes="k-bar") as bar:
        run = gr.Dropdown(label="Training run", filterable=False, elem_id="choose-run", interactive=True, min_width=240)
        curve = radio([(title, name) for name, (title, _) in CURVES.items()], "Curve", "losses")
    told = gr.HTML(elem_id="training-told", **STILL)
    place = chart("hardest", "Styles over training", address="/api/styles/hardest")
    tables = gr.HTML(elem_id="training-tables", **STILL)
    outputs = (bar, run, curve, told, *place.outputs, tables)
    gr.on([run.input, curve.input], bound(choose, context, place), [run, curve], [*outputs, link], **CHOICE)
    return place, outputs


def choose(context: Context, place: Chart, run: str, curve: str) -> list[Any]:
    """Another run, or another of its curves."""
    return [*shown(context, place, run, curve), {"run": run}]


def shown(context: Context, place: Chart, run: str, curve: str = "") -> list[Any]:
    """Updates of the tab: this run, or where none is named the newest of a style model.

    Where no curve is chosen, losses are drawn, or the rates of a run of which only the last validation is known.
    """
    folder, runs = context.style_folder, context.settings.runs_folder
    there = list(training_log.choices(folder, runs))
    try:
        name, logged, _ = training_log.chosen(folder, runs, run)
        curve = curve or ("bits" if len(logged.steps) == 1 else "losses")
        drawn = training_log.draw(folder, context.settings, name, curve)
    except KeyError as error:
        raise NotAllowed(f"there is no style run {run[:80]!r}; there are {', '.join(there[:20])}") from error
    except (ValueError, OSError) as error:
        raise NotAllowed(f"what was logged can't be read: {error}") from error
    told = str(drawn.details["told"])
    result = f'<p class="k-result">{escape(unbroken(told))}</p>' if len(drawn.frame) else ""
    csv = csv_link(
        f"api/styles/tables/{curve}.csv?{urlencode({'run': name})}", f"{CURVES[curve][0]} at each validation"
    )
    return [
        gr.update(visible=True),
        gr.update(choices=there, value=name),
        curve,
        f"{result}{explained(escape(EXPLAINED[curve]))}",
        *place.shown(drawn, {"run": name, "curve": curve}, told),
        f'<p class="k-about"><span>Every validation in figures:</span>{csv}</p>' if len(drawn.frame) else "",
    ]
