"""The retrieval page: how well titles and melodies find each other, and what each piece of information is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import gradio as gr
import pandas as pd
from sqlalchemy.orm import Session

from webapp.context import Context
from webapp.research import figures, retrieval
from webapp.research.figures import REEL_OR_HORNPIPE, Drawn, FigureRequest
from webapp.research.retrieval import DIRECTIONS, MEASURES, WHOLE
from webapp.runtime import commands
from webapp.ui import dashboards
from webapp.ui.components.view_link import chosen
from webapp.ui.dashboards import ANEW, STILL, Chart, Dashboard, chart, chosen_of, section
from webapp.ui.handlers import bound
from webapp.ui.layout import QUIET, explain, page

LEAD = "How well a title finds its tune and a tune its title, beside chance, and what it takes to find it."
NO_STUDY = "No model of titles and tunes has been trained here yet. This trains a small study, which this page follows:"
UNTESTED = "The test set is evaluated once, when all runs have ended. Then this is drawn."
ALONE = (
    "This is a single run. Confusions and ablations take a study of several runs, whose test set is evaluated at its "
    "end. This command makes one:"
)
EVERY_S = 3.0
CONFUSED = 3  # runs of which the nearest are listed
COSTS = ("without", "variant", "change", "95 %", "p", "tunes")
CHARTS = {
    "variants": (
        "Variants",
        (
            "Each pair of encoders, the mean of its seeds, with the 95 % interval once the test set was evaluated; a "
            "dot is one seed. Ridge is the baseline: a regression from the words of titles to the n-grams of melodies."
        ),
    ),
    "curves": ("Learning curves", "On the validation tunes, at each step; thin lines are single seeds."),
    "ranks": (
        "Watch-list",
        "The rank of a title's own tune at every validation. Point at a step to see what came first instead.",
    ),
    "nearest": (
        "Confusion of types, by title",
        "Of titles of each type: the type of the tune that is found first.",
    ),
    "probe": (
        "Confusion of types, by melody",
        "A linear probe on the melody encoder tells the type of tunes from a collection that it never heard.",
    ),
    "ablations": (
        "Ablations",
        "The same encoders, trained without one kind of information. Left of the line, they needed it.",
    ),
    "probe_ablations": (
        "Ablations of the probe",
        "The same for the linear probe: how much less often it tells the type of a tune right.",
    ),
}
OF_TESTS = ("nearest", "probe", "ablations", "probe_ablations")  # drawn once the test set was evaluated
OF_PROBES = ("probe", "probe_ablations")  # which not every study has


@dataclass(frozen=True)
class Choices:
    """What the page shows, in the order of its inputs; what is not chosen is the first that there is."""

    study: str = ""
    direction: str = ""
    measure: str = ""
    query: str = ""
    condition: str = ""
    genre: str = ""
    probe_genre: str = ""
    curves: tuple[str, ...] = ()

    def requests(self) -> dict[str, FigureRequest]:
        """What each chart is of."""
        own = FigureRequest(study=self.study, direction=self.direction, measure=self.measure)
        watched = replace(own, query=self.query, conditions=(self.condition,))
        return {
            "variants": own,
            "curves": replace(own, conditions=self.curves),
            "ranks": watched,
            "nearest": watched,
            "probe": watched,
            "ablations": replace(own, genre=self.genre),
            "probe_ablations": replace(own, genre=self.probe_genre),
        }

    def address(self) -> dict[str, Any]:
        """As it stands in the page's address."""
        return {name: list(value) if name == "curves" else value for name, value in vars(self).items()}


def build(context: Context) -> None:
    """The page at ``/retrieval``."""
    with page("retrieval"):
        command = commands.training(context.settings, "title_study", "study")
        frame = Dashboard("Retrieval", LEAD, NO_STUDY, command)
        with frame.bar:
            study, direction, measure = (_list(name) for name in ("study", "direction", "measure"))
            frame.offer_link()
        with frame.room:
            charts: dict[str, Chart] = {}
            with section(*CHARTS["variants"]):
                charts["variants"] = _chart("variants")
                table = dashboards.table("variants", "Variants in figures")
            with section(*CHARTS["curves"]):
                with gr.Accordion("Which conditions", open=False):
                    curves = gr.CheckboxGroup(show_label=False, container=False, elem_id="choose-curves")
                charts["curves"] = _chart("curves")
            with section(*CHARTS["ranks"]):
                with gr.Row(elem_classes="k-bar"):
                    query, condition = _list("query", "Title or tune"), _list("condition", "Encoders")
                charts["ranks"] = _chart("ranks")
                confused = gr.HTML(elem_id="confused", **STILL)
            with gr.Column(visible=False, elem_classes="k-section") as alone:
                explain(ALONE)
                dashboards.copied(command, elem_id="study-fill")
            parts = {}
            with gr.Row(elem_classes="k-two") as tested:
                for name in ("nearest", "probe"):
                    with section(*CHARTS[name], min_width=340) as parts[name]:
                        charts[name] = _chart(name)
            tables, genres = {}, {}
            for name, choice in (("ablations", "genre"), ("probe_ablations", "probe_genre")):
                with section(*CHARTS[name]) as parts[name]:
                    with gr.Row(elem_classes="k-bar"):
                        genres[choice] = _list(choice, "Tunes")
                    charts[name] = _chart(name)
                    with gr.Accordion("In figures", open=False):
                        tables[name] = dashboards.table(
                            f"{name}-table", f"{CHARTS[name][0]} in figures", headers=list(COSTS)
                        )
        seen = gr.State()
        timer = gr.Timer(EVERY_S, active=False)
    of_study = [parts[name] for name in ("ablations", *OF_PROBES)]
    inputs: list[Any] = [study, direction, measure, query, condition, genres["genre"], genres["probe_genre"], curves]
    plots = [output for name in CHARTS for output in charts[name].outputs]
    outputs = [*frame.outputs, *inputs, *plots, table, confused, *tables.values(), alone, tested, *of_study, seen]
    opening = gr.on(None, bound(opened, context, charts), None, outputs, **QUIET)
    opening.then(dashboards.started, None, timer, **QUIET)
    gr.on([each.input for each in inputs], bound(choose, context, charts), inputs, outputs, **ANEW)
    timer.tick(bound(follow, context, charts), [frame.link, seen], outputs, **QUIET)


def _list(name: str, label: str = "") -> gr.Dropdown:
    return gr.Dropdown(label=label or name.capitalize(), filterable=False, interactive=True, elem_id=f"choose-{name}")


def _chart(name: str) -> Chart:
    return chart(name, CHARTS[name][0], **({"empty": UNTESTED} if name in OF_TESTS else {}))


Charts = Mapping[str, Chart]


def opened(context: Context, charts: Charts, request: gr.Request) -> list[Any]:
    """The view that the address names."""
    named = {name: chosen(request, name) for name in vars(Choices()) if name != "curves"}
    wanted = Choices(**named, curves=tuple(request.query_params.getlist("curves")))
    return _shown(context, charts, context.database.transaction(retrieval.overview), wanted, None)


def choose(context: Context, charts: Charts, *chosen: Any) -> list[Any]:
    """Another view."""
    wanted = _choices(chosen)
    return _shown(context, charts, context.database.transaction(retrieval.overview), wanted, wanted)


def follow(context: Context, charts: Charts, view: Mapping[str, Any] | None, seen: list[Any] | None) -> Any:
    """The same view of what the logs say now, where they say something new; ``seen``: what they said before."""
    studies = context.database.transaction(retrieval.overview)
    if studies == (seen or []):
        return gr.skip()
    wanted = Choices(**{**view, "curves": tuple(view["curves"])}) if view else Choices()
    return _shown(context, charts, studies, wanted, wanted if view else None)


def _choices(chosen: Sequence[Any]) -> Choices:
    named = dict(zip(vars(Choices()), chosen, strict=True))
    return Choices(**named | {"curves": tuple(named["curves"] or ())})


def _shown(
    context: Context, charts: Charts, studies: Sequence[Mapping[str, Any]], wanted: Choices, shown: Choices | None
) -> list[Any]:
    """The page with what is wanted; ``shown``: what its lists show already."""
    if not studies:
        return dashboards.empty(8 + 2 * len(charts) + 10)
    names = [str(each["name"]) for each in studies]
    study = next(each for each in studies if each["name"] == chosen_of(names, wanted.study))
    options = _options(names, study, wanted.direction)
    there = {name: chosen_of(each, getattr(wanted, name)) for name, each in options.items()}
    view = Choices(**there, curves=wanted.curves)

    def draw(session: Session) -> dict[str, Drawn]:
        return {name: figures.draw(session, name, request) for name, request in view.requests().items()}

    drawn = context.database.transaction(draw)
    ticked = drawn["curves"].details["conditions"]
    single = study["runs"] == 1 and not study["tested"]
    return [
        *dashboards.shown(view.address(), _going(study)),
        *(dashboards.offered(each, there[name], getattr(shown, name, None)) for name, each in options.items()),
        gr.update(choices=study["conditions"], value=ticked),
        *(
            part
            for name, request in view.requests().items()
            for part in charts[name].shown(drawn[name], _by_http(request))
        ),
        _variants(drawn["variants"]),
        _confused(drawn["ranks"]),
        _costs(drawn["ablations"]),
        _costs(drawn["probe_ablations"]),
        gr.update(visible=single),
        *[gr.update(visible=not single)] * 2,
        *(gr.update(visible=not single and not (study["tested"] and drawn[name].frame.empty)) for name in OF_PROBES),
        studies,
    ]


def _options(names: Sequence[str], study: Mapping[str, Any], direction: str) -> dict[str, Sequence[Any]]:
    """What there is to choose from, by choice."""
    directions = [(label, value) for value, label in DIRECTIONS.items()]
    towards = chosen_of(directions, direction)
    watched = [(each["label"], each["query"]) for each in study["watched"] if each["direction"] == towards]
    read = study["genres"].get("probe_ablation", [])
    return {
        "study": names,
        "direction": directions,
        "measure": [(label, value) for value, label in MEASURES.items()],
        "query": watched,
        "condition": study["conditions"],
        "genre": [WHOLE, *study["genres"].get("ablation", [])],
        "probe_genre": [WHOLE, *([REEL_OR_HORNPIPE, *read] if read else [])],
    }


def _by_http(request: FigureRequest) -> dict[str, Any]:
    return {
        "study": request.study,
        "direction": request.direction,
        "measure": request.measure,
        "query": request.query,
        "genre": request.genre,
        "condition": list(request.conditions),
    }


def _going(study: Mapping[str, Any]) -> str:
    if study["runs"] == 1 and not study["tested"]:
        return (
            "The run goes on." if study["running"] else "The run has ended." if study["ended"] else "The run stopped."
        )
    tests = "was evaluated." if study["tested"] else "is not evaluated before all runs have ended."
    more = "; it goes on" if study["running"] else ""
    return f"{study['ended']} of {study['runs']} runs have ended{more}. The test set {tests}"


def _figure(value: float | None) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.4f}"


def _interval(row: Mapping[str, Any]) -> str:
    return f"{_figure(row['low'])} to {_figure(row['high'])}" if _figure(row["low"]) else ""


def _variants(drawn: Drawn) -> pd.DataFrame:
    """The bars as a table; without a column for intervals where there are none."""
    rows = [
        [row["condition"], _figure(row["value"]), _interval(row), _figure(row["chance"]), str(row["n"])]
        for row in drawn.details["table"]
    ]
    counted = "tunes" if drawn.details["tested"] else "seeds"
    table = pd.DataFrame(rows, columns=["encoders", "value", "95 %", "chance", counted])
    return table if table["95 %"].any() else table.drop(columns="95 %")


def _costs(drawn: Drawn) -> list[list[str]]:
    return [
        [
            row["without"].replace("_", " "), row["variant"], _figure(row["value"]), _interval(row),
            "" if row["p"] is None else f"{row['p']:.3f}", str(row["n"]),
        ]
        for row in drawn.details["table"]
    ]  # fmt: skip


def _confused(drawn: Drawn) -> str:
    """What stood nearest at the last validation of the first runs, with the right one marked."""
    lists = []
    for told in drawn.details["confused"][:CONFUSED]:
        items = "".join(
            f"<li{' class=k-right' if item['right'] else ''}>{escape(item['label'])}"
            f"<span>{'right, ' if item['right'] else ''}{item['score']:.2f}</span></li>"
            for item in told["top"]
        )
        lists.append(
            f"<div><h3>{escape(told['run'])}, step {told['step']}: rank {told['rank']}</h3><ol>{items}</ol></div>"
        )
    return f'<div class="k-confused">{"".join(lists)}</div>'
