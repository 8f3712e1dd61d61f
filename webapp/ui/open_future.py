"""A button, and below it what the tension model hears in the piece that a page shows: in the studio and in Why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import gradio as gr

from webapp.context import Context
from webapp.runtime.errors import Problem
from webapp.tension import own_music
from webapp.ui.components.listener_token import ListenerToken
from webapp.ui.components.tension_lanes import HeardPiece, TensionLanes
from webapp.ui.handlers import bound, listener_of
from webapp.ui.layout import QUIET, explain, status
from webapp.ui.words import capital

HEARING = "Hearing it…"
ABOUT = (
    "A model of music listens along: how much each note surprised it, how open it was before, and how surely it knows "
    "a bar as this piece's own. Whether that tells what people like has not been shown. "
    "<a href='tension'>Hear files of your own</a>."
)
GONE = "() => [null, '']"


class Shown(NamedTuple):
    """A piece that a page shows: ``clips/ID`` or ``pieces/ID``, the key of its link, and its first bar's number."""

    name: str
    link: str = ""
    first_bar: int = 1


class OpenFuture(NamedTuple):
    """What is drawn, and what is said of it."""

    lanes: TensionLanes
    said: gr.HTML


def build(
    context: Context, listener: ListenerToken, source: Any, shown: Callable[[Any], Shown], *, stale: str = ""
) -> OpenFuture:
    """The button and the lanes; ``shown`` reads from the value of ``source`` which piece is meant.

    ``stale`` is a function in the browser that is given this value and the lanes, and gives the lanes and what is said
    as they are to be once another piece may be there.
    """
    with gr.Column(elem_classes="k-open-future"):
        with gr.Row(elem_classes="k-buttons k-middle"):
            ask = gr.Button("How open its future is", size="sm", elem_id="open-future")
        said = gr.HTML(apply_default_css=False, elem_id="open-future-said")
        with gr.Column(visible=False) as room:
            explain(ABOUT)
        lanes = TensionLanes(interactive=True)
    begun = ask.click(lambda: status(HEARING), outputs=said, **QUIET)
    done = begun.then(bound(hear, context, shown), [listener, source], [lanes, said, room], **QUIET)
    if stale:
        done.then(None, [source, lanes], [lanes, said], js=stale, **QUIET)
    return OpenFuture(lanes, said)


def hear(
    context: Context, shown: Callable[[Any], Shown], token: str | None, value: Any
) -> tuple[HeardPiece | None, str, dict[str, Any]]:
    """What is heard in the piece, or why nothing is."""
    try:
        piece = shown(value)
        listener_id = listener_of(context, token)
        found = own_music.hear(context.database, context.generation, listener_id, piece.name, piece.link)
    except Problem as problem:
        return None, status(f"{capital(str(problem))}."), gr.update(visible=False)
    return HeardPiece(found, piece.name, piece.first_bar), "", gr.update(visible=True)
