"""What a page opens with: it fills what is still empty, and leaves what somebody was quicker to set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
from gradio.events import Dependency

from webapp.ui.layout import QUIET

FILL = """(answer, ...there) => there.map((value, place) =>
  value === null || value === undefined || value === "" ? (answer[place] ?? value) : value)"""


def fill(
    event: Callable[..., Any], handler: Callable[..., Any], inputs: Any, empty: Sequence[Any], outputs: Sequence[Any]
) -> Dependency:
    """Ask ``handler`` at an event of a page's beginning; the browser takes its answer where nothing was set meanwhile.

    Args:
        event: As ``listener.change``.
        handler: Gives a list of values for ``empty``, as the browser has them (``None``: none); where there are
            ``outputs``, this list and then an update for each of them.
        inputs: What the handler is given.
        empty: Components that somebody, or another answer, may have set by then. They are made without a value.
        outputs: Components that nobody sets.
    """
    answer = gr.JSON(visible="hidden")
    filled: Dependency = event(handler, inputs, [answer, *outputs], **QUIET).then(
        None, [answer, *empty], list(empty), js=FILL
    )
    return filled


def button(label: str, elem_id: str) -> gr.Button:
    """What orders something, among the ``outputs`` of ``fill``: whose answer enables it, and so can't come after it.

    On a busy server the answer would else show what was ordered before, in the place of what was ordered just now.
    """
    return gr.Button(label, variant="primary", elem_id=elem_id, scale=0, min_width=140, interactive=False)
