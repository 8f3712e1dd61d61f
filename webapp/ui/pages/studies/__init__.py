"""The researcher's page: a study is designed here and, behind its key, run, looked at and taken along."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from webapp.context import Context
from webapp.runtime.errors import Problem
from webapp.studies import clips, dataset, keys, studies
from webapp.studies.clips import Making
from webapp.ui.components.view_link import chosen
from webapp.ui.handlers import bound
from webapp.ui.layout import AWAITED, QUIET, heading, heading_html, page, status
from webapp.ui.pages.studies import form as design_form
from webapp.ui.pages.studies import running
from webapp.ui.words import capital

LEAD = (
    "A listening study of your own: people compare clips in pairs, and you get a report and a dataset. Give it a title "
    "and clips; everything else below can be used as it stands."
)
STAGES = {
    "starting": "Starting", "reading": "Reading your clips", "asking": "Asking for clips", "composing": "Composing",
    "levelling": "Making all alike",
}  # fmt: skip


def build(context: Context) -> None:
    """The page at ``/studies``."""
    with page("studies"):
        with gr.Row(elem_classes="k-ask"):
            title = heading("Studies", LEAD)
        key = gr.Textbox(visible=False)
        address = gr.Textbox(visible=False)
        run = running.build(context, key)
        with gr.Column(visible=False, elem_id="study-design") as designing:
            form = design_form.build()
            with gr.Row(elem_classes="k-bar"):
                save = gr.Button("Make the study", variant="primary", elem_id="study-save", scale=0, min_width=180)
            said = gr.HTML(elem_id="study-said", apply_default_css=False, js_on_load=None)
    outputs = [title, key, designing, save, *form.fields, *run.outputs]
    gr.on(None, bound(opened, context, len(form.fields)), None, outputs, **QUIET)
    making = save.click(bound(make, context), [key, form.clips, *form.fields], [said, key, address, save], **AWAITED)
    making.then(None, address, js=running.GO_THERE, **QUIET)


def opened(context: Context, fields: int, request: gr.Request) -> list[Any]:
    """The study whose key stands in the address, or an empty form for who may make one."""
    key = chosen(request, "key")
    empty = [gr.skip()] * fields
    try:
        found = studies.overview(context.database, key) if key else None
    except Problem as problem:
        found = None
        if not keys.may_create(context.settings, key):
            return [heading_html("Studies", f"{capital(str(problem))}."), "", *_hidden(empty)]
    if found is None:
        if keys.may_create(context.settings, key):
            return [heading_html("Studies", LEAD), "", gr.update(visible=True), gr.skip(), *empty, *running.hidden()]
        return [heading_html("Studies", f"{capital(keys.NEEDS_KEY)}."), "", *_hidden(empty)]
    draft = found.state == "draft" and found.design.task == "pairs"  # which is what the form can say
    return [
        heading_html(running.escaped(found.title), running.state_line(found)),
        key,
        gr.update(visible=draft),
        gr.update(value="Save the design and make its clips"),
        *(design_form.values_of(found.design) if draft else empty),
        *running.shown(key, found, dataset.answers_in_words(context.database, key), request),
    ]


def make(context: Context, request: gr.Request, key: str, zip_path: str | None, *values: Any) -> Iterator[list[Any]]:
    """Store the design, make its clips, and go to the study's own page."""
    yield [status("Storing the design…"), gr.skip(), "", gr.update(interactive=False)]
    made = key
    try:
        draft = studies.overview(context.database, key).design if key else None
        design = design_form.design_from(values, draft)
        if key:
            studies.change_design(context.database, context.journal, key, design)
        else:
            keys.require_creator(context.settings, chosen(request, "key"))
            made = studies.create(context.database, context.journal, design).researcher
        place = Path(zip_path) if zip_path else None
        if place or clips.are_due(context.database, made):
            making = clips.follow(
                context.database, context.journal, context.clip_store, context.settings, made, place=place
            )
            for now in making:
                yield [status(told(now)), gr.skip(), "", gr.skip()]
    except Problem as problem:
        yield [status(f"{capital(str(problem))}."), made, "", gr.update(interactive=True)]
        return
    yield [status("Done."), made, f"studies?key={made}", gr.update(interactive=True)]


def told(now: Making) -> str:
    """How far the clips are."""
    if now.ended:
        return f"{now.clips} clips are ready."
    return f"{STAGES.get(now.stage, 'Working')}…{f' {now.share:.0%}' if now.share else ''}"


def _hidden(empty: list[Any]) -> list[Any]:
    return [gr.update(visible=False), gr.skip(), *empty, *running.hidden()]
