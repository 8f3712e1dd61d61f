"""The runs page: any two training runs side by side, followed while they go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import gradio as gr
import pandas as pd

from webapp.context import Context
from webapp.research import figures, retrieval
from webapp.research.figures import Asked
from webapp.ui import dashboards
from webapp.ui.charts import Chart, chart, section
from webapp.ui.components.view_link import chosen
from webapp.ui.dashboards import ANEW, Dashboard, chosen_of, fills
from webapp.ui.handlers import bound
from webapp.ui.layout import QUIET, page

NO_RUN = "No training run has left its log here yet. This command fills the page while it runs:"
FILL = "python -m models.train.titles --preset tiny --out '{folder}/titles'"
NOTHING = ("nothing", "")
OF_A_RUN = ("kind", "preset", "seed", "state", "step", "data", "commit", "logged_at")
NAMES = {"logged_at": "last logged", "broken_lines": "lines that can't be read"}
EVERY_S = 2.0
OUTPUTS = 7  # besides those of the dashboard

Run = Mapping[str, Any]


class View(NamedTuple):
    """Two runs and a figure."""

    a: str = ""
    b: str = ""
    measure: str = ""


def build(context: Context) -> None:
    """The page at ``/runs``."""
    with page("runs"):
        lead = "Any two training runs, side by side; one that is going on is followed."
        frame = Dashboard("Runs", lead, NO_RUN, fills(context, FILL))
        with frame.bar:
            a, b, measure = (
                gr.Dropdown(label=label, filterable=False, interactive=True, elem_id=f"choose-{name}")
                for name, label in (("a", "Run"), ("b", "Beside"), ("measure", "Figure"))
            )
            frame.offer_link()
        with frame.room, section("Figures", "A colour a run; dashes tell what a figure was measured on."):
            drawn = chart("pair", "Figures")
            about = dashboards.table("runs")
        seen = gr.State()
        timer = gr.Timer(EVERY_S)
    outputs = [*frame.outputs, a, b, measure, *drawn.outputs, about, seen]
    gr.on(None, bound(opened, context, drawn), None, outputs, **QUIET)
    gr.on([a.input, b.input, measure.input], bound(choose, context, drawn), [a, b, measure], outputs, **ANEW)
    timer.tick(bound(follow, context, drawn), [frame.link, seen], outputs, **QUIET)


def opened(context: Context, place: Chart, request: gr.Request) -> list[Any]:
    """The runs that the address names, or the two that were logged to last."""
    runs = context.database.transaction(retrieval.listing)
    wanted = View(*(chosen(request, name) for name in View._fields))
    if not wanted.a and not wanted.b:
        wanted = View(*(str(run["name"]) for run in runs[:2]))._replace(measure=wanted.measure)
    return _shown(context, place, runs, wanted, None)


def choose(context: Context, place: Chart, a: str, b: str, measure: str) -> list[Any]:
    """Other runs, or another of their figures."""
    wanted = View(a, b or "", measure)
    return _shown(context, place, context.database.transaction(retrieval.listing), wanted, wanted)


def follow(context: Context, place: Chart, view: Mapping[str, str] | None, seen: list[Run] | None) -> Any:
    """What the logs say now, where they say something new; ``seen``: what they said before."""
    runs = context.database.transaction(retrieval.listing)
    if runs == (seen or []):
        return gr.skip()
    if not view:
        newest = View(*(str(run["name"]) for run in runs[:2]))
        return _shown(context, place, runs, newest, None)
    return _shown(context, place, runs, View(**view), View(**view))


def _shown(context: Context, place: Chart, runs: Sequence[Run], wanted: View, there: View | None) -> list[Any]:
    """The page with what is wanted; ``there``: what its lists show already."""
    if not runs:
        return dashboards.empty(OUTPUTS)
    names = [str(run["name"]) for run in runs]
    a, b = chosen_of(names, wanted.a), chosen_of([NOTHING, *names], wanted.b)
    pair = [next(run for run in runs if run["name"] == name) for name in dict.fromkeys((a, b)) if name]
    asked = Asked(runs=tuple(run["name"] for run in pair), measure=wanted.measure or Asked.measure)
    drawn = context.database.transaction(lambda session: figures.draw(session, "pair", asked))
    view = View(a, b, str(drawn.details["measure"]))
    options = ([*names], [NOTHING, *names], drawn.details["measures"])
    before = there or (None, None, None)
    return [
        *dashboards.shown(view._asdict(), _going(pair)),
        *map(dashboards.offered, options, view, before),
        *place.shown(drawn, {"run": list(asked.runs), "measure": view.measure}),
        _about(pair),
        runs,
    ]


def _going(pair: Sequence[Run]) -> str:
    going = [str(run["name"]) for run in pair if run["state"] == "running"]
    return f"{' and '.join(going)} {'go' if len(going) > 1 else 'goes'} on; this page follows." if going else ""


def _about(pair: Sequence[Run]) -> pd.DataFrame:
    """What each run is and how it ended, a row a fact that any of them has."""
    broken = ["broken_lines"] if any(run["broken_lines"] for run in pair) else []
    outcomes = [name for run in pair for name in run["outcome"]]
    names = dict.fromkeys([*OF_A_RUN, *broken, *outcomes])
    rows = [[NAMES.get(name, name.replace("_", " ")), *(_told(run, name) for run in pair)] for name in names]
    return pd.DataFrame([row for row in rows if any(row[1:])], columns=["", *(run["name"] for run in pair)])


def _told(run: Run, name: str) -> str:
    value = run.get(name, run["outcome"].get(name))
    if value is None:
        return ""
    if name == "logged_at":
        return f"{datetime.fromisoformat(value).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return f"{value:.4g}" if isinstance(value, float) and not value.is_integer() else str(value)
