"""The smaller parts of the styles page: rows of choices, how the model was learned, and what its codes mean.

The tab of a training run shows how hard each style still is, and what its latents hold; that of the codes pieces by the
values of a code, and a sentence on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

import gradio as gr

from models.music.notes import Domain
from models.style.latents import CODE_COUNT, CODE_LEVELS
from webapp.context import Context
from webapp.research.styles import codes
from webapp.research.styles.tables import CURVES, chosen_run, draw_curve, logged_runs
from webapp.runtime import commands
from webapp.runtime.errors import NotAllowed, NotReady, Overdue, Problem
from webapp.ui.choosing import kinds_of_music
from webapp.ui.components.clip_list import ClipList
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.components.view_link import ViewLink
from webapp.ui.dashboards import STILL, Chart, chart, copied
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import CHOICE, explain, explained
from webapp.ui.words import unbroken

PATIENCE, AGAIN_S = 4, 2.0
T = TypeVar("T")
EXPLAINED = {
    "losses": "What each style tells of the notes (content their pitches, rhythm their onsets, register their octaves, "
    "harmony pitch classes, dynamics velocities, texture how many sound at once), as a share of the loss at the first "
    "validation. The large point is the style of which most is left.",
    "bits": "How many bits a bar each style's latents hold at each validation.",
    "curiosity": "Of a run that chose what to train on by learning progress: what clips with one style of others cost, "
    "in nats a note, as a share of the first time. The large point is the hardest.",
}
MEANING = (
    "The model learned four codes by itself, with five values each. Play a code's two ends, then what lies between: "
    "all that has a name is average there. Pieces of pop are composed."
)
ENDS = {0: ", the lowest", CODE_LEVELS - 1: ", the highest"}


def patiently(compose: Callable[[], T]) -> T:
    """What is composed, tried again where the composer isn't ready, not where it took too long; raises ``NotReady``."""
    for _ in range(PATIENCE):
        try:
            return compose()
        except Overdue:
            raise
        except NotReady:
            time.sleep(AGAIN_S)
    return compose()


def radio(options: Sequence[tuple[str, Any]], label: str, value: Any = None) -> gr.Radio:
    """One of few, as a line of words."""
    return gr.Radio(
        list(options),
        value=value,
        label=label,
        show_label=False,
        container=False,
        elem_classes="k-choices",
        interactive=True,
    )


def csv_link(address: str, title: str) -> str:
    """A link to a table as CSV."""
    return f'<a href="{escape(address)}" download aria-label="{escape(title)} as CSV">{escape(title)} (CSV)</a>'


def origin(about: Mapping[str, Any]) -> str:
    """Where the figures of a table come from."""
    return (
        f"{about['command']} of {about['model_version']} on {about['data_n']} clips (data "
        f"{about['data_hash']}), commit {(about.get('commit') or '')[:12]}, seed {about['seed']}."
    )


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
    there = list(logged_runs(folder, runs))
    try:
        name, logged, _ = chosen_run(folder, runs, run)
        curve = curve or ("bits" if len(logged.steps) == 1 else "losses")
        drawn = draw_curve(folder, context.settings, name, curve)
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


def build_codes(context: Context, listener: ListenerToken, tab: gr.Tab) -> None:
    """Pieces by the values of a code, looked for when their ``tab`` is opened."""
    explain(MEANING)
    with gr.Row(elem_classes="k-bar"):
        domain = kinds_of_music("dance")
        code = radio([(f"Code {number}", number) for number in range(1, CODE_COUNT + 1)], "Code", 1)
    told = gr.HTML(elem_id="code-told", **STILL)
    pieces = ClipList(columns=True, elem_id="code-pieces")
    about = gr.HTML(**STILL)
    command = commands.evaluation("evaluate.code_examples", context.style_folder)
    fill = copied(command, visible=False, elem_id="codes-fill")
    wanted = gr.State(value=False)  # the tab may be opened before it is known who listens
    tab.select(lambda: True, None, wanted, **CHOICE)
    triggers = [wanted.change, listener.change, domain.input, code.input]
    inputs = [wanted, listener, domain, code]
    gr.on(triggers, bound(hear_codes, context), inputs, [told, pieces, about, fill], **CHOICE)


def hear_codes(
    context: Context,
    wanted: bool,  # noqa: FBT001 (as Gradio gives it)
    token: str | None,
    domain: str,
    number: int,
) -> Iterator[list[Any]]:
    """Pieces by the values of a code in one kind of music, and a sentence on it."""
    if wanted:
        yield ['<p class="k-meaning" aria-busy="true">Listening through the pieces…</p>', *[gr.skip()] * 3]
    if not wanted or not token:
        yield [gr.skip()] * 4
        return
    try:
        found = codes.read_codes(context.studio, listener_of(context, token), cast("Domain", domain)).to_json()
    except (Problem, ValueError) as error:
        yield [f'<p class="k-meaning">{escape(str(error))}</p>', *[gr.skip()] * 3]
        return
    code = next(each for each in found["codes"] if each["code"] == number)
    there = {piece["level"] for piece in code["pieces"]}
    missing = ", ".join(str(level + 1) for level in range(CODE_LEVELS) if level not in there)
    without = f" Nothing here has the value {missing}." if missing else ""
    pieces = [
        {
            **piece,
            "heading": f"Value {piece['level'] + 1} of {CODE_LEVELS}{ENDS.get(piece['level'], '')}",
            "detail": f"{piece['title']} ({piece['from']})",
        }
        for piece in code["pieces"]
    ]
    yield [
        f'<p class="k-meaning">Code {number}: {escape(code["told"])}{without}</p>',
        pieces,
        _codes_about(found["about"], current=not found["fill"]),
        gr.update(visible=bool(found["fill"])),
    ]


def _codes_about(about: Mapping[str, Any] | None, *, current: bool) -> str:
    if not about:
        told = "No real pieces were chosen for this model yet; these are composed ones. This command chooses some:"
        return f'<p class="k-about"><span>{told}</span></p>'
    stale = "" if current else " They were chosen for another model than the one that plays; this asks that one:"
    table = csv_link("api/styles/tables/codes.csv", "Codes beside what has a name")
    return (
        f'<p class="k-about"><span>Measured and chosen by {about["version"]} among {about["data"]["n"]} pieces (data '
        f"{about['data']['hash']}), commit {about['commit'][:12]}, seed {about['seed']}.{stale}</span>"
        f"{csv_link('api/styles/codes.csv', 'Pieces by code')}{table}</p>"
    )
