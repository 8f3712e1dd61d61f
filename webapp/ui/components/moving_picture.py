"""A picture that moves with music: key frames on one sheet, faded into each other in time with the sound.

Run ``python -m webapp.ui.components.moving_picture`` for a page of ten lines that shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webapp.ui.components import clip
from webapp.ui.components.component import Component


class MovingPicture(Component):
    """Plays a piece below a picture that moves with it; who wants less motion sees it stand still.

    Args:
        value: ``title``; ``sheet`` (the address of an image with pictures of ``side`` pixels, row by row, so many
            ``columns`` beside another); ``times_s``, when each of them stands still; ``audio`` or ``audio_url``,
            ``seconds`` and ``notes`` of the music. ``None``: there is nothing to show. ``playing(...)`` sounds at once,
            where the browser allows it.
    """

    script = "moving_picture.js"

    def __init__(self, value: Mapping[str, Any] | None = None, **settings: Any) -> None:
        super().__init__(
            value,
            html_template=f"""
<div class="kallos k-moving" style="visibility: hidden" hidden>
  <figure class="k-canvas">
    <canvas width="480" height="480" role="img" data-testid="moving-picture"></canvas>
    <figcaption></figcaption>
    <button type="button" class="k-quiet k-small" data-testid="full-screen">Full screen</button>
  </figure>
  {clip.card("a", "")}
  <p class="k-said" role="status"></p>
</div>""",
            **settings,
        )


def playing(value: Mapping[str, Any]) -> dict[str, Any]:
    """The value of a ``MovingPicture`` that sounds by itself."""
    return {**value, "play": True}


if __name__ == "__main__":
    import base64
    import io
    from dataclasses import replace

    import gradio as gr
    import numpy as np
    from PIL import Image

    from webapp.ui.components.demo import tunes

    red_to_blue = np.zeros((8, 64, 3), dtype=np.uint8)
    red_to_blue[..., 0] = np.repeat(np.linspace(255, 0, 8), 8)
    red_to_blue[..., 2] = 255 - red_to_blue[..., 0]
    file = io.BytesIO()
    Image.fromarray(red_to_blue).save(file, "PNG")
    tune = replace(tunes()[0], name="Speed the Plough")
    with gr.Blocks() as demo:
        MovingPicture({
            **tune.payload(), "title": tune.name, "columns": 8, "side": 8, "times_s": list(np.linspace(0, 6, 8)),
            "sheet": f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}",
        })  # fmt: skip
    demo.launch()
