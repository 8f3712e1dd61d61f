"""A study that is there: its links and numbers, opened, paused and ended, and what can be taken along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr
from gradio.components import Component

from webapp.api.dependencies import public_address
from webapp.context import Context
from webapp.runtime.errors import Problem
from webapp.studies import deletion, keys, studies
from webapp.studies import dry_run as trying
from webapp.studies.studies import Overview
from webapp.ui.components.confirmation import Confirmation, Question
from webapp.ui.dashboards import section
from webapp.ui.handlers import bound
from webapp.ui.layout import AWAITED, QUIET, status
from webapp.ui.words import counted, sentence

DRY = (
    "A simulated participant goes through the whole study once, and leaves nothing. Then studies are simulated with as "
    "many people as you asked for, who differ in taste: which preference would the report find?"
)
WORDS = "Of those who finished, in no order, for you alone: words may tell who wrote them."
TEXT = "While the study is paused the text may change. It gets a new version; who has begun agreed to the one before."
MOST_NAMED = 6  # systems, before it is only told how many they are
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
GO_THERE = "(address) => { if (address) window.location.assign(address); }"


@dataclass(frozen=True)
class Running:
    """The part of the page that shows a study."""

    outputs: tuple[Any, ...]


def build(context: Context, key: gr.Textbox) -> Running:
    """The part, hidden until a study is named by its key."""
    with gr.Column(visible=False) as room:
        standing = _standing(context, key)
        with section("Answers in words", WORDS, visible=False) as answered:
            words = gr.HTML(elem_id="study-answered", apply_default_css=False, js_on_load=None)
        text = _text(context, key)
        _trying(context, key)
        outputs = (room, *standing, answered, words, *text)
    return Running(outputs)


def _standing(context: Context, key: gr.Textbox) -> tuple[Component, ...]:
    """Links, numbers, and what is done with the study: what ``shown`` fills behind the room."""
    with section("Links and numbers", ""):
        numbers = gr.HTML(elem_id="study-numbers", apply_default_css=False, js_on_load=None)
        said = gr.HTML(elem_id="study-moved", apply_default_css=False, js_on_load=None)
        address = gr.Textbox(visible=False)
        with gr.Row(elem_classes="k-bar"):
            opener = gr.Button("Open the study", variant="primary", elem_id="study-open", scale=0, min_width=150)
            pause = gr.Button("Pause", elem_id="study-pause", scale=0, min_width=110)
            end = gr.Button("End", elem_id="study-end", scale=0, min_width=110)
            remove = gr.Button("Delete", elem_id="study-remove", scale=0, min_width=110)
    question = Confirmation(test_id="study-confirm")
    end.click(lambda: END, None, question, **QUIET)
    remove.click(lambda: DELETE, None, question, **QUIET)
    moved = [
        opener.click(bound(move, context, "open"), key, [said, address], **QUIET),
        pause.click(bound(move, context, "pause"), key, [said, address], **QUIET),
        question.confirm(bound(confirmed, context), key, [said, address], **QUIET),
    ]
    for event in moved:
        event.then(None, address, js=GO_THERE, **QUIET)
    return numbers, opener, pause, end


def _text(context: Context, key: gr.Textbox) -> tuple[Any, ...]:
    """Another text for those who come from now on: the part that a paused study shows, and its fields."""
    with section("What people agree to", TEXT, visible=False) as part:
        information = gr.Textbox(label="Information", lines=8, elem_id="study-new-information")
        consent = gr.Textbox(label="What they agree to", elem_id="study-new-consent")
        with gr.Row(elem_classes="k-bar"):
            change = gr.Button("Use this text from now on", elem_id="study-change-text", scale=0, min_width=220)
        said = gr.HTML(elem_id="study-changed", apply_default_css=False, js_on_load=None)
    change.click(bound(change_text, context), [key, information, consent], said, **QUIET)
    return part, information, consent


def _trying(context: Context, key: gr.Textbox) -> None:
    with section("Dry run", DRY):
        with gr.Row(elem_classes="k-bar"):
            dry = gr.Button("Try it", elem_id="study-dry", scale=0, min_width=150)
        tried = gr.HTML(elem_id="study-tried", apply_default_css=False, js_on_load=None)
    dry.click(bound(dry_run, context), key, tried, **AWAITED)


def hidden() -> list[Any]:
    """Updates of the part where no study is named."""
    return [gr.update(visible=False), *[gr.skip()] * 9]


def shown(key: str, found: Overview, words: Sequence[tuple[str, str, str]], request: gr.Request) -> list[Any]:
    """Updates of the part for a study."""
    begun = "Go on" if found.state == "paused" else "Open the study"
    return [
        gr.update(visible=True),
        _numbers(key, found, public_address(request.request) if request.request else ""),
        gr.update(value=begun, visible=found.state in {"draft", "paused"}),
        gr.update(visible=found.state == "open"),
        gr.update(visible=found.state in {"open", "paused"}),
        gr.update(visible=bool(words)),
        answers(words),
        gr.update(visible=found.state == "paused"),
        found.design.information,
        found.design.consent,
    ]


def answers(words: Sequence[tuple[str, str, str]]) -> str:
    """What was answered in words (``dataset.answers_in_words``), below each question."""
    said = {number: text for number, text, _ in words}
    parts = []
    for number, text in said.items():
        lines = "".join(f"<li>{escape(answer)}</li>" for each, _, answer in words if each == number)
        parts.append(f"<h3>{escape(text)}</h3><ul class='k-answers'>{lines}</ul>")
    return "".join(parts)


def move(context: Context, what: str, key: str) -> tuple[str, str]:
    """Open or pause the study; what is wrong, or where it stands now."""
    try:
        if what == "open":
            studies.open_study(context.database, context.journal, context.settings, key)
        else:
            studies.pause(context.database, context.journal, key)
    except Problem as problem:
        return status(sentence(problem)), ""
    return "", f"studies?key={key}"


def confirmed(context: Context, key: str, event: gr.EventData) -> tuple[str, str]:
    """End or delete the study."""
    if event.data == "delete":
        deletion.delete_study(context.database, context.clip_store, context.journal, key)
        return status("The study was deleted."), "studies"
    studies.end(context.database, context.journal, key)
    return "", f"studies?key={key}"


def change_text(context: Context, key: str, information: str, consent: str) -> str:
    """Have those who come from now on agree to this text."""
    try:
        version = studies.change_consent(context.database, context.journal, key, information, consent)
    except Problem as problem:
        return status(sentence(problem))
    return status(f"This is version {version}. Who agreed to an earlier one has that stored.")


def dry_run(context: Context, key: str) -> str:
    """Try the study, and say what it could show."""
    try:
        pairs = trying.walk(context.database, context.journal, key)
        found = trying.power(context.database, key)
    except Problem as problem:
        return status(sentence(problem))
    lines = "".join(f"<p class='k-explain k-wide'>{_shows(each)}</p>" for each in found)
    one = "clip" if any(each.chance < 0.5 for each in found) else "pair"
    walked = f"A simulated participant came through, with {counted(pairs, one)}."
    if any(each.different < each.pairs for each in found):
        walked += f" There are fewer different {one}s than each participant hears, so some come again and again."
    return f"<div role='status' data-testid='study-tried'><p class='k-explain k-wide'>{walked}</p>{lines}</div>"


def _shows(tried: trying.Tried) -> str:
    """What preference a study could show, in a sentence."""
    if tried.chance < 0.5:
        return _shows_of_moods(tried)
    if not tried.systems:
        return "All fixed pairs are of one system, so nothing is compared: list pairs of two systems in pairs.csv."
    one = "clip" if tried.single else "system"
    times = {1: "once", 2: "twice"}.get(tried.answers, f"{tried.answers} times")
    who = _who(tried, f"comparing every two {one}s {times}", f"compare the same two {one}s, {times} each")
    if tried.smallest is None:
        unseen = f"the study would hardly show anything, even where 96% prefer one {one}"
        return f"{who}, {unseen}. {_helps(tried, f'fewer {one}s', 'more pairs each')}"
    return (
        f"{who}, the study finds 8 times in 10 that one {one} is preferred where at least "
        f"<b>{tried.smallest:.0%}</b> of all answers prefer it. Smaller differences may stay open."
    )


def _shows_of_moods(tried: trying.Tried) -> str:
    """What a study of moods could show."""
    clips = counted(tried.answers, "clip")
    who = _who(tried, f"rating {clips} of each kind", f"rate the same kind, {clips} each")
    if tried.smallest is None:
        return f"{who}, the study would hardly show anything. {_helps(tried, 'fewer kinds', 'more clips each')}"
    found = (
        f"{who}, the study finds 8 times in 10 that a kind is heard in the mood meant more often than by chance "
        f"({tried.chance:.0%}) where at least <b>{tried.smallest:.0%}</b> of all answers are right."
    )
    if tried.systems == 1:
        return found
    found += f" That one kind is right more often than another, which is right in {trying.RIVAL:.0%},"
    return f"{found} it finds from <b>{tried.above:.0%}</b> on." if tried.above else f"{found} it would hardly show."


def _who(tried: trying.Tried, everybody: str, some: str) -> str:
    """How many people do how often what shows least."""
    where = f"Condition {escaped(tried.condition)}: with" if tried.condition else "With"
    people = "1 person" if tried.people == 1 else f"{tried.people} people"
    if tried.comparing == tried.people:
        return f"{where} {people} {everybody}"
    few = f"about {tried.comparing}" if tried.comparing > 1 else "hardly two"
    return f"{where} {people}, of whom {few} {some}"


def _helps(tried: trying.Tried, fewer: str, longer: str) -> str:
    """What would let the study show more."""
    words = {"people": "More people", "conditions": "fewer conditions", "systems": fewer, "pairs": longer}
    first, *others = (words[each] for each in tried.helps)
    return f"{first} would help{''.join(f', or {each}' for each in others)}."


def escaped(title: str) -> str:
    """A researcher's own words as text of a page."""
    return escape(title)


def state_line(found: Overview) -> str:
    """How the study stands, in a sentence."""
    return STATES[found.state]


def _numbers(key: str, found: Overview, address: str) -> str:
    """Links and counts."""
    all_keys, counts = keys.of_researcher(key), found.counts
    panel = f"&amp;{escape(found.design.panel_parameter)}={{{{%{escape(found.design.panel_parameter)}%}}}}"
    systems = sorted({each.system for each in found.clips})
    named = f" of {', '.join(map(escape, systems))}" if len(systems) <= MOST_NAMED else f", {len(systems)} to compare"
    groups = sorted({each.condition for each in found.clips} - {""})
    heard = f", heard in the conditions {', '.join(map(escape, groups))}" if groups else ""
    clips = f"{counted(len(found.clips), 'clip')}{named}{heard}" if found.clips else "none yet"
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
            f"<b data-testid='study-completed'>{counts.completed}</b> of {found.design.quota} have finished. Of all "
            f"{counts.begun} who began, {counts.going} are on their way, {counts.stopped} stopped before the end, and "
            f"{counts.withdrawn} withdrew"
        ),
        "Answers": f"{counts.answers}",
        "Take along": (
            f"<a href='api/study/report?key={key}' target='_blank' data-testid='study-report'>Report</a> · "
            f"<a href='api/study/dataset?key={key}' data-testid='study-dataset'>Anonymised dataset</a> · "
            f"<a href='api/study/words?key={key}' data-testid='study-words'>Answers in words</a> and "
            f"<a href='api/study/panel?key={key}' data-testid='study-panel'>panel list</a>, for you alone"
        ),
    }
    lines = "".join(f"<tr><th scope='row'>{name}</th><td>{value}</td></tr>" for name, value in rows.items())
    return f"<div class='kallos k-wide-table'><table class='k-study-facts'>{lines}</table></div>"


def _link(address: str, test_id: str) -> str:
    return f"<a href='{escape(address)}' data-testid='{test_id}'>{escape(address)}</a>"
