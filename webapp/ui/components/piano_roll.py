"""One clip to be seen and heard: its notes as a player piano's roll, lit as they sound.

Run ``python -m webapp.ui.components.piano_roll`` for a page of ten lines that plays it.
"""

from __future__ import annotations

from typing import Any

from webapp.ui.components import clip
from webapp.ui.components.clip import Clip
from webapp.ui.components.component import Component

SIDE = "a"


class PianoRoll(Component):
    """A card with a button to play a clip, its clock and its piano roll, which is also a slider through the clip.

    Args:
        value: The clip, or ``None`` for an empty card.
        name: What the card says: a letter or a short word.

    Events:
        select: The clip begins to sound; ``gr.EventData`` has ``seconds``, where in the clip.
        change: Python has set another clip.
    """

    script = "piano_roll.js"

    def __init__(self, value: Clip | None = None, *, name: str = "", **settings: Any) -> None:
        super().__init__(
            value,
            html_template=f'<div class="kallos" style="visibility: hidden">{clip.card(SIDE, name)}</div>',
            **settings,
        )

    def postprocess(self, value: Any) -> Any:
        """The clip as the script takes it."""
        return clip.offered(None if value is None else [value], SIDE)


if __name__ == "__main__":
    import gradio as gr

    from webapp.ui.components.demo import tunes

    clips = {tune.name: tune for tune in tunes()}
    with gr.Blocks(title="A piano roll") as demo:
        tune = gr.Dropdown(list(clips), label="Tune")
        roll = PianoRoll(tunes()[0])
        tune.change(clips.get, inputs=tune, outputs=roll)
    demo.launch()
