"""Where the studio's desk gets a piece, or a picture, to borrow a style from: chosen over the page."""

from __future__ import annotations

import html
from collections.abc import Sequence
from functools import partial
from typing import Any

import gradio as gr

from db.tables import PICTURES
from models.style.latents import STYLE_GROUPS
from webapp.context import Context
from webapp.runtime.errors import Problem
from webapp.ui import choosing
from webapp.ui.choosing import DOMAINS, OF_PICTURES, Choosing, ListRequest
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.components.sheet import Sheet
from webapp.ui.components.studio_desk import StudioDesk
from webapp.ui.components.style_dials import StyleDials
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import CHOICE, QUIET
from webapp.ui.words import capital

WAIT = "() => ({do: 'wait'})"  # an order for the desk
EVERYTHING = "all"  # styles of one piece


def build(
    context: Context, listener: ListenerToken, desk: StudioDesk, asking: Sequence[StyleDials], like: gr.Button
) -> None:
    """Where a piece to borrow from is chosen: over the page, until something was chosen or it is closed.

    ``like`` asks for all styles of one piece.
    """
    with gr.Column(visible=False, elem_classes="k-sheet", elem_id="picker") as sheet:
        title = Sheet("Borrow")
        finder = Choosing(context, listener, "Choose", finder=True, place="picker", pictures=True)
        said = gr.HTML(apply_default_css=False)
    opened = [sheet, title, finder.request, finder.domain, finder.words, said]
    for dials in asking:
        dials.borrow(None, outputs=desk, js=WAIT, **CHOICE)
        dials.borrow(ask_from_whom, [desk, finder.request], opened, **CHOICE)
    like.click(None, outputs=desk, js=WAIT, **CHOICE)
    like.click(partial(ask_for, EVERYTHING), [desk, finder.request], opened, **CHOICE)
    finder.chosen(
        bound(borrow, context),
        [listener, finder.clips, finder.request],
        [sheet, finder.clips, said, desk],
        **QUIET,
    )
    title.close(lambda: (gr.update(visible=False), None), outputs=[sheet, finder.clips], **QUIET)


def ask_from_whom(shown: dict[str, Any], request: ListRequest, event: gr.EventData) -> tuple[Any, ...]:
    """Open the sheet for one style, or ``toward`` for all of a piece."""
    return ask_for(str(event.group), shown, request)


def ask_for(group: str, shown: dict[str, Any], request: ListRequest) -> tuple[Any, ...]:
    """Open the sheet for a ``group``, or for ``EVERYTHING``."""
    seen = bool(shown["old"].get("image_url"))
    titles = {"toward": "Morph into…", EVERYTHING: "Play it like…"}
    title = titles.get(group, f"Borrow the {group} of…")
    return (
        gr.update(visible=True),
        title,
        ListRequest(request.number + 1, style=group, kind=PICTURES if seen else ""),
        gr.update(choices=[OF_PICTURES] if seen else DOMAINS, value=shown["old"]["domain"]),
        gr.update(value="", visible=not seen),
        "",
    )


def borrow(
    context: Context, token: str | None, rows: list[dict[str, Any]], request: ListRequest, event: gr.EventData
) -> tuple[Any, ...]:
    """What was chosen, as an order for the desk; a tune is taken into the studio before it is borrowed from."""
    try:
        source = choosing.opened(context, listener_of(context, token), rows[event.index])
    except Problem as problem:
        wrong = f'<p class="k-wrong" role="alert">{html.escape(capital(str(problem)))}.</p>'
        return gr.skip(), gr.skip(), wrong, gr.skip()
    told = {"name": source.name, "title": source.title, "traits": source.traits}
    groups = STYLE_GROUPS if request.style == EVERYTHING else (request.style,)
    return gr.update(visible=False), None, "", {"do": "borrow", "groups": groups, "source": told}
