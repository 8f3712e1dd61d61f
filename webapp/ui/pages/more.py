"""More like this: the clips most like one that was picked, and a path that leads on from it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import gradio as gr

from webapp.context import Context
from webapp.listening import sound
from webapp.runtime.errors import NotYours
from webapp.ui.components import clip_list
from webapp.ui.components.clip_list import ClipList
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.components.volume import Volume
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import QUIET, explain, heading, heading_html, page
from webapp.ui.words import described, sentence

TITLE = "More like this"
BACK = {  # by where somebody came from
    "pair": ("./", "the pairs"),
    "four": ("four", "best of four"),
    "taste": ("taste", "your taste"),
}


class Around(NamedTuple):
    """What the page shows, in the order of its outputs."""

    title: str
    start: list[dict[str, Any]]
    there: dict[str, Any]
    alike: list[dict[str, Any]]
    path: list[dict[str, Any]]


def build(context: Context) -> None:
    """The page at ``/more?clip=ID&from=PAGE``."""
    listener: ListenerToken
    with page("compare") as listener:
        with gr.Row(elem_classes="k-ask"):
            title = heading(TITLE, "Looking around…")
            Volume()
        start = ClipList(elem_id="start", interactive=True)
        with gr.Row(visible=False, elem_classes="k-columns-two") as there:
            with gr.Column(min_width=320):
                gr.Markdown("## Most alike")
                explain("Those that are most like it, the most similar first.")
                alike = ClipList(action="More like this", all_button=True, elem_id="similar", interactive=True)
            with gr.Column(min_width=320):
                gr.Markdown("## A path on")
                explain("Each step is close to the one before and farther from where you began.")
                path = ClipList(action="More like this", all_button=True, elem_id="path", interactive=True)
    listener.change(
        bound(look_around, context),
        inputs=listener,
        outputs=[title, start, there, alike, path],
        **QUIET,
    )


def look_around(context: Context, token: str | None, request: gr.Request) -> Around:
    """What is like the clip that the address names."""
    named, came_from = (str(request.query_params.get(name, "")) for name in ("clip", "from"))
    address, where = BACK.get(came_from, BACK["pair"])
    back = f'<a href="{address}">Back to {where}</a>'
    try:
        clip_id = uuid.UUID(named)
    except ValueError:
        return _refused("Pick one first, then look for more like it.", back)
    try:
        found = sound.similar(context.database, context.playable, listener_of(context, token), clip_id)
    except NotYours as problem:
        return _refused(sentence(problem), back)
    start = [row(found["start"], "You started from this one", came_from) | {"acts": False}]
    if not found["similar"]:
        text = "Every other one waits in what you are to compare next. Go on, and more will be made."
        return _refused(text, back)._replace(start=start)
    return Around(
        heading_html(TITLE, f"Each one leads on to others like it. {back}"),
        start,
        gr.update(visible=True),
        _rows(found["similar"], "No.", came_from),
        _rows(found["path"], "Step", came_from),
    )


def _refused(text: str, back: str) -> Around:
    return Around(heading_html(TITLE, f"{text} {back}"), [], gr.update(visible=False), [], [])


def _rows(clips: Sequence[Mapping[str, Any]], called: str, came_from: str) -> list[dict[str, Any]]:
    return [row(clip, f"{called} {place}", came_from) for place, clip in enumerate(clips, 1)]


def row(clip: Mapping[str, Any], called: str, came_from: str) -> dict[str, Any]:
    """A clip as a list shows it; its button leads on from it."""
    return {
        "heading": called,
        "detail": described(clip["traits"]),
        "audio_url": clip["audio_url"],
        "notes_url": clip["notes_url"],
        "image_url": clip["image_url"],
        "seconds": clip["seconds"],
        "leads_to": f"more?clip={clip['clip_id']}" + (f"&from={came_from}" if came_from in BACK else ""),
        "save": clip_list.menu_of_picture(clip["clip_id"])
        if clip["image_url"]
        else clip_list.menu_of_clip(clip["clip_id"]),
    }
