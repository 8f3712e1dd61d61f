"""The runs page: the curves of any training runs as a grid, what they were trained with, and how far they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from typing import Any

import gradio as gr
import pandas as pd

from webapp.context import Context
from webapp.research import figures, training_runs
from webapp.research import runs as run_list
from webapp.research.figures import MOST_PANELS, MOST_RUNS, FigureRequest
from webapp.research.plots import SYMBOLS, looks, panel
from webapp.runtime import commands
from webapp.ui import dashboards
from webapp.ui.components.chart_exports import ChartExports
from webapp.ui.dashboards import ANEW, NOTHING_YET, STILL, Dashboard, section
from webapp.ui.handlers import bound
from webapp.ui.layout import CHOICE, QUIET, page
from webapp.ui.words import duration

LEAD = "The curves of your training runs side by side, what each was trained with, and how far it is."
NO_RUN = "No training run has left its log here yet. This command trains one, and this page follows it:"
GRID = "Lines are measured while training, lines with points on music held out. Steps run from left to right."
OF_A_RUN = ("state", "step", "left", "kind", "data", "commit", "logged_at")
NAMES = {
    "left": "time left", "logged_at": "last logged", "broken_lines": "lines that can't be read",
    "best": "best validation", "reason": "why it ended",
}  # fmt: skip
ALL = "/*"  # after the name of a folder: all runs in it
MOST_AT_FIRST = 8
EVERY_S = 2.0

Run = Mapping[str, Any]


@dataclass(frozen=True)
class View:
    """What the page shows, in the order of its inputs."""

    runs: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    smoothing: float = 0.0
    log: bool = False

    @classmethod
    def of(cls, chosen: Sequence[Any]) -> View:
        """What was chosen on the page."""
        names, shown, smoothing, log = chosen
        return cls(tuple(names or ()), tuple(shown or ()), float(smoothing or 0), bool(log))

    def address(self) -> dict[str, Any]:
        """As it stands in the page's address."""
        smoothing = f"{self.smoothing:g}" if self.smoothing else ""
        return {"runs": list(self.runs), "figures": list(self.figures), "smoothing": smoothing, "log": "1" * self.log}


def build(context: Context) -> None:
    """The page at ``/runs``."""
    with page("runs"):
        frame = Dashboard("Runs", LEAD, NO_RUN, commands.training(context.settings, "titles", "titles"))
        with frame.bar:
            runs = gr.Dropdown(label="Runs", multiselect=True, interactive=True, elem_id="choose-runs")
            shown = gr.Dropdown(
                label="Figures", multiselect=True, max_choices=MOST_PANELS, interactive=True, elem_id="choose-figures"
            )
        with frame.room, gr.Row(elem_classes="k-bar"):
            smoothing = gr.Slider(0, 0.95, 0, step=0.05, label="Smoothing", interactive=True, elem_id="smoothing")
            log = gr.Checkbox(label="Logarithmic scale", interactive=True, elem_id="log-scale")
            frame.offer_link()
        with frame.room:
            legend = gr.HTML(elem_id="legend", **STILL)
            with gr.Row(elem_classes="k-grid"):
                panels = [
                    gr.Plot(show_label=False, container=False, visible=False, elem_id=f"panel-{place}", min_width=280)
                    for place in range(MOST_PANELS)
                ]
            exports = ChartExports("runs", "Training curves", elem_id="exports-runs")
            with section("What they were trained with", "What differs between the runs stands first."):
                about = dashboards.table("runs", "What the runs were trained with")
        seen = gr.State()
        timer = gr.Timer(EVERY_S, active=False)
    inputs = [runs, shown, smoothing, log]
    outputs = [*frame.outputs, *inputs, legend, *panels, exports, about, seen]
    gr.on(None, bound(opened, context), None, outputs, **QUIET).then(dashboards.started, None, timer, **QUIET)
    gr.on([runs.input, shown.input, log.input], bound(choose, context), inputs, outputs, **ANEW)
    smoothing.input(bound(choose, context), inputs, outputs, **CHOICE)
    timer.tick(bound(follow, context), [*inputs, seen], outputs, **QUIET)


def opened(context: Context, request: gr.Request) -> list[Any]:
    """The runs that the address names, or those that were logged to last."""
    named = request.query_params
    smoothing = named.get("smoothing", "")
    view = View(
        tuple(named.getlist("runs")), tuple(named.getlist("figures")),
        min(0.95, float(smoothing)) if smoothing.replace(".", "", 1).isdigit() else 0.0, named.get("log") == "1",
    )  # fmt: skip
    return _shown(context, context.database.transaction(run_list.listing), view, None)


def choose(context: Context, *chosen: Any) -> list[Any]:
    """Other runs, other figures of them, or drawn in another way."""
    view = View.of(chosen)
    return _shown(context, context.database.transaction(run_list.listing), view, view)


def follow(context: Context, *given: Any) -> Any:
    """What the logs say now, where they say something new; the last of ``given``: what they said before."""
    *chosen, seen = given
    view, runs = View.of(chosen), context.database.transaction(run_list.listing)
    return gr.skip() if runs == (seen or []) else _shown(context, runs, view, view)


def _shown(context: Context, runs: Sequence[Run], wanted: View, there: View | None) -> list[Any]:
    """The page with what is wanted; ``there``: what its lists show already."""
    if not runs:
        return dashboards.empty(8 + MOST_PANELS)
    names = [str(run["name"]) for run in sorted(runs, key=lambda run: run["step"] == 0)]  # what draws nothing last
    called, chosen = _short(names), _chosen(names, wanted.runs)
    figure_request = FigureRequest(runs=tuple(chosen), figures=wanted.figures, smoothing=wanted.smoothing)
    drawn = context.database.transaction(lambda session: figures.draw(session, "runs", figure_request))
    shown: list[str] = drawn.details["shown"]
    view = replace(wanted, runs=tuple(chosen), figures=tuple(shown))
    of = looks(chosen)
    panels = [
        gr.update(
            value=panel(drawn.frame[drawn.frame["figure"] == name], of, name, smoothing=view.smoothing, log=view.log),
            visible=True,
        )
        for name in shown
    ]
    about = [next(run for run in runs if run["name"] == name) for name in chosen]
    return [
        *dashboards.shown(view.address(), "The curves grow while a run goes on." if _going(about) else ""),
        dashboards.offered(
            [*_folders(names), *((short, name) for name, short in called.items())],
            list(view.runs),
            list(there.runs) if there else None,
        ),
        dashboards.offered(drawn.details["figures"], shown, list(there.figures) if there else None),
        gr.skip() if there else view.smoothing,
        gr.skip() if there else view.log,
        _legend(about, called),
        *panels,
        *[gr.update(visible=False)] * (MOST_PANELS - len(panels)),
        {**dashboards.source_of("/api/plots/runs", drawn, _by_http(view)), "empty": "" if shown else NOTHING_YET},
        _about(about, called),
        list(runs),
    ]


def _by_http(view: View) -> dict[str, Any]:
    return {"run": list(view.runs), "figure": list(view.figures), "smoothing": view.smoothing}


def _short(names: Sequence[str]) -> dict[str, str]:
    """What each run is called on the page: without its folder, where no other run has that name."""
    lasts = [name.rpartition("/")[2] for name in names]
    return {name: last if lasts.count(last) == 1 else name for name, last in zip(names, lasts, strict=True)}


def _folders(names: Sequence[str]) -> list[tuple[str, str]]:
    """All runs of a folder at once, where it has several."""
    above = [name.rpartition("/")[0] for name in names]
    return [
        (f"all {above.count(folder)} of {folder}", f"{folder}{ALL}")
        for folder in dict.fromkeys(above)
        if folder and above.count(folder) > 1
    ]


def _chosen(names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Those wanted that there are; or the newest with those in its folder, of which there may be none else."""
    found: list[str] = []
    for each in wanted:
        within = [name for name in names if name.rpartition("/")[0] + ALL == each]
        found += sorted(within) if each.endswith(ALL) else [each] * (each in names)
    if not found:
        folder = names[0].rpartition("/")[0]
        beside = [name for name in names if folder and name.rpartition("/")[0] == folder]
        found = sorted(beside[:MOST_AT_FIRST]) or [names[0]]
    return list(dict.fromkeys(found))[:MOST_RUNS]


def _going(runs: Sequence[Run]) -> bool:
    return any(run["state"] == "running" for run in runs)


def _legend(runs: Sequence[Run], called: Mapping[str, str]) -> str:
    """Each run with its colour and how far it is."""
    of, entries = looks([str(run["name"]) for run in runs]), []
    for run in runs:
        colour, _, symbol = of[str(run["name"])]
        mark = f'<span style="color: {colour}" aria-hidden="true">{SYMBOLS[symbol]}</span>'
        entries.append(f"<li>{mark} <b>{escape(called[run['name']])}</b> <span>{escape(progress(run))}</span></li>")
    return f'<ul class="k-legend">{"".join(entries)}</ul><p class="k-explain">{GRID}</p>'


def progress(run: Run) -> str:
    """How far a run is: "step 30 of 160, about 2 minutes left"."""
    steps, step = run["steps"], run["step"]
    told = f"step {step:,} of {steps:,}" if steps and step <= steps else f"step {step:,}"
    if run["state"] == "running":
        left = run["seconds_left"]
        return f"{told}, running" if left is None else f"{told}, about {duration(left)} left"
    reason = run["outcome"].get("reason")
    return f"{told}, {'ended early: ' + reason if reason and steps and step < steps else run['state']}"


def _about(runs: Sequence[Run], called: Mapping[str, str]) -> pd.DataFrame:
    """What each run is, how it ended and what it was trained with: a row a fact that any has, what differs first."""
    broken = ["broken_lines"] if any(run["broken_lines"] for run in runs) else []
    outcomes = [name for run in runs for name in run["outcome"] if name != "step"]
    settings = list(dict.fromkeys(name for run in runs for name in run["settings"]))
    own = {name: [_fact(run["settings"].get(name)) for run in runs] for name in settings}
    first = sorted(own, key=lambda name: len(set(own[name])) == 1)
    facts = {NAMES.get(name, name): [_told(run, name) for run in runs] for name in (*OF_A_RUN, *broken)}
    facts |= {
        NAMES.get(name, name.replace("_", " ")): [_fact(run["outcome"].get(name)) for run in runs] for name in outcomes
    }
    facts |= {name: own[name] for name in first}
    rows = [[name, *told] for name, told in facts.items() if any(told)]
    return pd.DataFrame(rows, columns=["", *(called[run["name"]] for run in runs)])


def _told(run: Run, name: str) -> str:
    if name == "logged_at" and run["name"].startswith(f"{training_runs.NAME}/"):
        return ""  # its file tells when it was installed
    if name == "logged_at" and run[name]:
        return f"{datetime.fromisoformat(run[name]).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if name == "step":
        return f"{run['step']:,} of {run['steps']:,}" if run["steps"] else f"{run['step']:,}"
    if name == "left":
        return duration(run["seconds_left"]) if run["seconds_left"] is not None else ""
    if name == "commit":
        return str(run[name] or "")[:12]
    return _fact(run[name])


def _fact(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
