"""Live: music that goes on without end, steered by a camera or on a map of pictures while it sounds."""

from __future__ import annotations

import gradio as gr

from webapp.context import Context
from webapp.live import steering
from webapp.ui.components.live_player import LivePlayer
from webapp.ui.components.volume import Volume
from webapp.ui.layout import explain, heading, page
from webapp.ui.pages.picking import DOMAINS

LEAD = (
    "Press Start, then move over the pictures, or turn on your camera: the music follows within a bar. "
    "Bright is high, warm is major, much detail is dense, large is loud, and what moves is fast. "
    "A <a href='film'>film</a> gets its music as a whole, and on the <a href='canvas'>canvas</a> music moves pictures."
)
MORE = (
    "On the pictures: mouse, finger or the arrow keys; <kbd>space</kbd> starts and pauses. The music is not kept. "
    "For an installation, <code>kallos live</code> does the same on your own machine with OSC and MIDI."
)


def build(context: Context) -> None:  # noqa: ARG001 (the component asks the HTTP interface)
    """The page at ``/live``."""
    with page("live"):
        with gr.Row(elem_classes="k-ask"):
            heading("Live", LEAD)
        with gr.Row(elem_classes="k-note-row"):
            Volume()
        LivePlayer(steering.drawings(), DOMAINS, elem_id="live", interactive=True)
        explain(MORE)
