"""A study that is there: its links and numbers, opened, paused and ended, and what can be taken along."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr
from gradio.components import Component

from webapp.api.dependencies import public_address
from webapp.context import Context
from webapp.runtime.errors import Problem
from webapp.studies import keys, studies
from webapp.studies.studies import Overview
from webapp.ui.charts import section
from webapp.ui.components.confirmation import Confirmation, Question
from webapp.ui.handlers import bound
from webapp.ui.layout import QUIET, heading_html, status
from webapp.ui.words import capital, counted

STATES = {
    "draft": "A draft. Try it in the preview, then open it: from then on the design stays as it is.",
    "open": "Open. Participants can begin.",
    "paused": "Paused. Nobody new can begin; who has begun may go on.",
    "ended": "Ended. It takes no answers any more.",
}
END = Question("End the study?", "It takes no answers any more, for good.", "End it", data="end")
DELETE = Question(
    "Delete the study?",
    "Its answers, its clips and this page are deleted for good. Download what you want to keep first.",
    "Delete it",
    data="delete",
)
BUTTONS = ("open", "pause", "end")


@dataclass(frozen=True)
class Running:
    """The part of the page that shows a study."""

    outputs: tuple[Component, ...]


def build(context: Context, key: gr.Textbox) -> Running:
    """The part, hidden until a study is named by its key."""
    said = gr.HTML(elem_id="study-moved", apply_default_css=False, js_on_load=None)
    with gr.Column(visible=False) as room, section("Links and numbers", ""):
        numbers = gr.HTML(elem_id="study-numbers", apply_default_css=False, js_on_load=None)
        with gr.Row(elem_classes="k-bar"):
            opener = gr.Button("Open the study", variant="primary", elem_id="study-open", scale=0, min_width=150)
            pause = gr.Button("Pause", elem_id="study-pause", scale=0, min_width=110)
            end = gr.Button("End", elem_id="study-end", scale=0, min_width=110)
            remove = gr.Button("Delete", elem_id="study-remove", scale=0, min_width=110)
    question = Confirmation(test_id="study-confirm")
    outputs = (room, numbers, opener, pause, end)
    state = [said, *outputs]
    opener.click(bound(move, context, "open"), key, state, **QUIET)
    pause.click(bound(move, context, "pause"), key, state, **QUIET)
    end.click(lambda: END, None, question, **QUIET)
    remove.click(lambda: DELETE, None, question, **QUIET)
    question.confirm(bound(confirmed, context), key, state, **QUIET)
    return Running(outputs)


def hidden() -> list[Any]:
    """Updates of the part where no study is named."""
    return [gr.update(visible=False), *[gr.skip()] * 4]


def shown(key: str, found: Overview, request: gr.Request) -> list[Any]:
    """Updates of the part for a study."""
    begun = "Go on" if found.state == "paused" else "Open the study"
    return [
        gr.update(visible=True),
        _numbers(key, found, public_address(request.request) if request.request else ""),
        gr.update(value=begun, visible=found.state in {"draft", "paused"}),
        gr.update(visible=found.state == "open"),
        gr.update(visible=found.state in {"open", "paused"}),
    ]


def move(context: Context, what: str, request: gr.Request, key: str) -> list[Any]:
    """Open or pause the study."""
    try:
        if what == "open":
            studies.open_study(context.database, context.settings, key)
        else:
            studies.pause(context.database, key)
    except Problem as problem:
        return [status(f"{capital(str(problem))}."), *[gr.skip()] * 5]
    found = studies.overview(context.database, key)
    return [status(STATES[found.state]), *shown(key, found, request)]


def confirmed(context: Context, request: gr.Request, key: str, event: gr.EventData) -> list[Any]:
    """End or delete the study."""
    if event.data == "delete":
        studies.delete(context.database, context.clip_store, key)
        return [status("The study was deleted."), *hidden()]
    studies.end(context.database, key)
    found = studies.overview(context.database, key)
    return [status(STATES["ended"]), *shown(key, found, request)]


def escaped(title: str) -> str:
    """A researcher's own words as text of a page."""
    return escape(title)


def state_line(found: Overview) -> str:
    """How the study stands, in a sentence."""
    return STATES[found.state]


def title_of(found: Overview) -> str:
    """The page's title."""
    return heading_html(escaped(found.title), state_line(found))


def _numbers(key: str, found: Overview, address: str) -> str:
    """Links and counts."""
    all_keys = keys.of_researcher(key)
    panel = f"&amp;{escape(found.design.panel_parameter)}={{{{%{escape(found.design.panel_parameter)}%}}}}"
    systems = sorted({each.system for each in found.clips})
    clips = f"{counted(len(found.clips), 'clip')} of {', '.join(map(escape, systems))}" if found.clips else "none yet"
    told = found.clips_told
    length = (
        f", {told['seconds']:.1f} seconds each, as long as the shortest, {escape(told['shortest'])}" if told else ""
    )
    rows = {
        "For participants": _link(f"{address}/study?key={all_keys.participant}", "study-participants"),
        "For a panel": f"the same with <code>{panel}</code> behind it",
        "Preview": _link(f"{address}/study?key={all_keys.preview}", "study-preview"),
        "This page": f"{_link(f'{address}/studies?key={key}', 'study-researcher')} Keep it: it can't be looked up.",
        "Clips": f"{clips}{length}",
        "Design": f"SHA-256 <code>{found.design_hash}</code>, to be named where you register the study in advance",
        "People": (
            f"<b data-testid='study-completed'>{found.completed}</b> of {found.design.quota} have finished, "
            f"{found.begun - found.completed} are on their way or gone, {found.withdrawn} have withdrawn"
        ),
        "Answers": f"{found.answers}",
    }
    lines = "".join(f"<tr><th scope='row'>{name}</th><td>{value}</td></tr>" for name, value in rows.items())
    return f"<div class='kallos k-wide-table'><table class='k-study-facts'>{lines}</table></div>"


def _link(address: str, test_id: str) -> str:
    return f"<a href='{escape(address)}' data-testid='{test_id}'>{escape(address)}</a>"
