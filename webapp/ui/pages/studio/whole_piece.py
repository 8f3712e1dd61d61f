"""The whole piece around a section on the desk: its sections to choose from, and how it sounds now."""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

import gradio as gr

from webapp.context import Context
from webapp.listening import ShownClip
from webapp.studio import sections
from webapp.studio.sections import Timeline
from webapp.ui.components import clip_list
from webapp.ui.components.clip_list import ClipList, playing, resting
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import status
from webapp.ui.waits import Wait

PUT_BACK = "Put it back into the whole piece"
PUTTING = "Putting it back, and playing the whole piece…"
THERE = "Put back. The whole piece plays, and stands among your whole pieces. Change another section, if you like."


class Around(NamedTuple):
    """What stands around a section, in the order of the outputs."""

    room: Any
    section: Any
    heard: Any


NOTHING = Around(gr.update(visible=False), gr.update(choices=[], value=None), None)


def build() -> Around:
    """The sections of the whole piece, and the piece itself."""
    with gr.Column(visible=False, elem_id="whole-piece") as room:
        section = gr.Radio([], label="Section", elem_id="sections", elem_classes="k-choices")
        heard = ClipList(elem_id="whole-heard", interactive=True)
    return Around(room, section, heard)


def puts_back(
    context: Context, listener: ListenerToken, desk: Any, around: Around, *, back: gr.Button, wait: Wait
) -> None:
    """The button puts what is new on the desk back into the whole piece."""
    wait.on(back.click, PUTTING, bound(put_back, context), [listener, desk], [wait.told, *around])


def put_back(context: Context, token: str | None, shown: dict[str, Any]) -> tuple[Any, ...]:
    """The new whole piece sounds, and it is its sections that are chosen from now."""
    listener_id, piece = listener_of(context, token), uuid.UUID(shown["piece"]["name"].partition("/")[2])
    clip_id = sections.put_back(context.clip_maker, listener_id, piece)
    now = around(sections.whole_piece(context.studio, listener_id, clip_id, shown["old"]["section"]))
    return status(THERE), *now._replace(heard=playing(now.heard["rows"]))


def around(found: Timeline | None) -> Around:
    """What is shown of a whole piece; nothing where there is none."""
    if found is None:
        return NOTHING
    choices = [(each.name, f"{found.whole}/{each.place.first}") for each in found.sections]
    section = gr.update(choices=choices, value=f"{found.whole}/{found.here}")
    return Around(gr.update(visible=True), section, resting([_row(found)]))


def _row(found: Timeline) -> dict[str, Any]:
    clip = ShownClip.of(found.whole, found.seconds)
    return {
        "id": str(found.whole),
        "heading": found.name,
        "detail": f"The whole piece, {found.seconds:.0f} s",
        "audio_url": clip.audio_url,
        "notes_url": clip.notes_url,
        "seconds": clip.seconds,
        "sections": found.form,
        "save": clip_list.menu_of_whole(found.whole),
    }
