"""A drawing that moves with music: how it looks at each of some moments, and what lies between in time with the sound.

Run ``python -m webapp.ui.components.moving_picture`` for a page of ten lines that shows it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from webapp.ui.components import clip
from webapp.ui.components.component import Component

_choices = itertools.count(1)


class MovingPicture(Component):
    """Plays a piece below a picture that moves with it; who wants less motion sees it stand still.

    Args:
        value: ``title``; ``subjects`` and ``moments`` (``webapp.generation.protocol.PicturesResult``); ``times_s`` of
            the moments; ``audio`` or ``audio_url``, ``seconds`` and ``notes`` of the music. ``None``: there is nothing
            to show. ``playing(...)`` sounds at once, where the browser allows it.
    """

    script = "moving_picture.js"

    def __init__(self, value: Mapping[str, Any] | None = None, **settings: Any) -> None:
        super().__init__(
            value,
            html_template=f"""
<div class="kallos k-moving" style="visibility: hidden" hidden>
  <figure class="k-canvas">
    <canvas width="960" height="960" role="img" data-testid="moving-picture"></canvas>
    <figcaption></figcaption>
    <button type="button" class="k-quiet k-small" data-testid="full-screen">Full screen</button>
  </figure>
  {clip.card("a", "")}
  <p class="k-said" role="status"></p>
</div>""",
            **settings,
        )


def playing(value: Mapping[str, Any]) -> dict[str, Any]:
    """The value of a ``MovingPicture`` that sounds by itself, also where the same piece was chosen before."""
    return {**value, "play": True, "choice": next(_choices)}  # a script is not told of an equal value


if __name__ == "__main__":
    from dataclasses import replace

    import gradio as gr
    import numpy as np

    from models.picture.moving import moment_of, subject_json
    from models.picture.vector import Drawing, Paint, Shape
    from webapp.ui.components.demo import tunes

    corners = np.array([(1000, 1000), (3000, 1000), (3000, 3000), (1000, 3000)], np.int16)
    square = Shape("MLLLZ", corners, Paint("solid", 0))
    colours = [np.array([(1 - share, 0, share, 1.0)]) for share in np.linspace(0, 1, 8)]
    drawings = [Drawing((square,), each, np.array([0.25])) for each in colours]
    tune = replace(tunes()[0], name="Speed the Plough")
    with gr.Blocks() as demo:
        shown = {
            **tune.payload(), "title": tune.name, "times_s": list(np.linspace(0, 6, 8)),
            "subjects": [subject_json("square", drawings[0])],
            "moments": [moment_of(0, each, 1.0).to_json() for each in drawings],
        }  # fmt: skip
        picture = MovingPicture(shown)
        gr.Button("Play it").click(lambda: playing(shown), outputs=picture)
    demo.launch()
