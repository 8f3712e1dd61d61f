"""Many points on a canvas that can be moved, zoomed, searched and pointed at, by mouse, touch and keyboard.

``gr.ScatterPlot`` and ``gr.Plot`` tell of no click on a point, can't be walked with arrow keys, and take seconds for
20,000 points. Run ``python -m webapp.ui.components.point_map`` for a page of ten lines that shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webapp.ui.components.component import Component, Event

_TEMPLATE = """
<div class="kallos" style="visibility: hidden">
  <div class="k-map" tabindex="0" role="application" aria-label="Map" data-testid="map">
    <canvas aria-hidden="true"></canvas>
    <p class="k-tip" role="status" hidden></p>
    <div class="k-zoom">
      <button type="button" class="k-quiet" data-do="nearer" aria-label="Zoom in">+</button>
      <button type="button" class="k-quiet" data-do="farther" aria-label="Zoom out">−</button>
      <button type="button" class="k-quiet" data-do="whole" aria-label="See the whole map">⤢</button>
    </div>
  </div>
  <p class="k-hidden">Arrow keys move, plus and minus zoom, zero shows the whole map, Enter chooses the point nearest to
    the middle.</p>
  <div class="k-map-legend" role="group" aria-label="Colours; press one to see it alone"></div>
  <div class="k-chart-foot">
    <span data-part="source"></span>
    <span class="k-chart-take" role="group" aria-label="Take the map along">
      <button type="button" class="k-quiet k-small" data-take="png">PNG</button>
      <button type="button" class="k-quiet k-small" data-take="svg">SVG</button>
      <button type="button" class="k-quiet k-small" data-take="csv">CSV</button>
    </span>
  </div>
</div>"""


class PointMap(Component):
    """A map of points.

    Args:
        value: ``points``, or the address where they are had: columns ``x``, ``y``, ``text``, ``colours`` (name →
            ``labels``, and for each point the ``codes`` of its label, -1 for unknown) and ``links`` (for each point,
            the points that lines lead to, or ``None``). And where wanted ``values`` (name → a number for each point,
            for a colour from little to much), ``added`` (points with ``x``, ``y``, ``text`` and ``values``, drawn as
            rings), ``hidden`` (points that are not shown), ``view`` (``x``, ``y``, ``zoom``), ``source`` (where it
            comes from) and ``name`` (what exported files are called).
        colour: The name of the colours, or of the values, that are shown.
        words: Points whose text has these words stand out.
        picked: The point that is chosen, -1 for none; added ones are counted on from the others.

    Events:
        select: A point was clicked or reached by key; ``gr.EventData`` has its ``row``.
        move: The view has moved and rests; ``x``, ``y`` and ``zoom``.
    """

    script = "point_map.js"
    custom_events = ("move",)
    move: Event

    def __init__(
        self,
        value: Mapping[str, Any] | None = None,
        *,
        colour: str = "",
        words: str = "",
        picked: int = -1,
        **settings: Any,
    ) -> None:
        super().__init__(value, html_template=_TEMPLATE, colour=colour, words=words, picked=picked, **settings)


if __name__ == "__main__":
    import gradio as gr
    import numpy as np

    random = np.random.default_rng(0)
    groups = random.integers(3, size=2000)
    places = random.standard_normal((2000, 2)) + 4 * np.array([[0, 0], [1, 0], [0, 1]])[groups]
    points = {
        "x": places[:, 0].tolist(),
        "y": places[:, 1].tolist(),
        "text": [f"point {number}" for number in range(2000)],
        "colours": {"group": {"labels": ["one", "two", "three"], "codes": groups.tolist()}},
        "links": None,
    }

    def told(event: gr.EventData) -> str:
        """Which point was chosen."""
        return str(points["text"][event.row])

    with gr.Blocks() as demo:
        drawn = PointMap({"points": points, "name": "points"}, colour="group")
        chosen = gr.Textbox(label="Chosen")
        drawn.select(told, outputs=chosen)
    demo.launch()
