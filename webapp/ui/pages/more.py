"""More like this: the clips most like one that was picked, and a path that leads on from it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import gradio as gr

from webapp.context import Context
from webapp.listening import similar
from webapp.runtime.errors import NotYours
from webapp.ui.components.clip_list import ClipList
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import QUIET, explain, heading, heading_html, page
from webapp.ui.words import described

TITLE = "More like this"
GO_ON = '<a href="four">Go on listening</a>'


class Around(NamedTuple):
    """What the page shows, in the order of its outputs."""

    title: str
    there: dict[str, Any]
    alike: list[dict[str, Any]]
    path: list[dict[str, Any]]


def build(context: Context) -> None:
    """The page at ``/more?clip=ID``."""
    listener: ListenerToken
    with page("compare") as listener:
        with gr.Row(elem_classes="k-ask"):
            title = heading(TITLE, "Looking around…")
        with gr.Row(visible=False, elem_classes="k-columns-two") as there:
            with gr.Column(min_width=320):
                gr.Markdown("## Most alike")
                explain("The pieces whose styles are the most like it, the most similar first.")
                alike = ClipList(action="More like this", elem_id="similar", interactive=True)
            with gr.Column(min_width=320):
                gr.Markdown("## A path on")
                explain("Each step is close to the one before and farther from where you began.")
                path = ClipList(action="More like this", elem_id="path", interactive=True)
    listener.change(
        bound(look_around, context),
        inputs=listener,
        outputs=[title, there, alike, path],
        **QUIET,
    )


def look_around(context: Context, token: str | None, request: gr.Request) -> Around:
    """What is like the clip that the address names."""
    named = str(request.query_params.get("clip", ""))
    try:
        clip_id = uuid.UUID(named)
    except ValueError:
        return _refused("Pick a piece first, then look for more like it.")
    try:
        found = similar.similar(context.database, context.space, context.playable, listener_of(context, token), clip_id)
    except NotYours as problem:
        return _refused(f"{problem}.")
    if not found["similar"]:
        return _refused("Every other piece waits in what you are to hear next. Go on, and more will be composed.")
    return Around(
        heading_html(TITLE, 'Each piece leads on to others like it. <a href="four">Back to the next four</a>'),
        gr.update(visible=True),
        _rows(found["similar"], "No."),
        _rows(found["path"], "Step"),
    )


def _refused(text: str) -> Around:
    return Around(heading_html(TITLE, f"{text} {GO_ON}"), gr.update(visible=False), [], [])


def _rows(clips: Sequence[Mapping[str, Any]], called: str) -> list[dict[str, Any]]:
    return [
        {
            "heading": f"{called} {place}",
            "detail": described(clip["traits"]),
            "audio_url": clip["audio_url"],
            "notes_url": clip["notes_url"],
            "seconds": clip["seconds"],
            "leads_to": f"more?clip={clip['clip_id']}",
        }
        for place, clip in enumerate(clips, 1)
    ]
