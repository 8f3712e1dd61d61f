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
    <div class="k-regions" role="group" aria-label="Regions of the map"></div>
    <svg class="k-lasso" aria-hidden="true"><path></path></svg>
    <p class="k-tip" role="status" hidden></p>
    <div class="k-zoom" role="group" aria-label="Zoom">
      <button type="button" class="k-quiet" data-do="nearer" aria-label="Zoom in" title="Zoom in">+</button>
      <button type="button" class="k-quiet" data-do="farther" aria-label="Zoom out" title="Zoom out">−</button>
      <button type="button" class="k-quiet" data-do="main" aria-label="Back to the main part"
        title="Back to the main part">⌂</button>
      <button type="button" class="k-quiet" data-do="whole" aria-label="See the whole map"
        title="See the whole map">⤢</button>
    </div>
  </div>
  <p class="k-hidden">Arrow keys move, plus and minus zoom, zero shows the whole map, Home goes back to its main part,
    Enter chooses the point nearest to the middle, Escape ends a selection.</p>
  <div class="k-map-below">
    <div class="k-map-tools" role="group" aria-label="Select points">
      <button type="button" class="k-quiet k-small" data-do="lasso" aria-pressed="false" disabled
        title="Draw a line around points to list and play them">Lasso</button>
      <button type="button" class="k-quiet k-small" data-do="seen" disabled
        title="Select every point in the picture">Select all in view</button>
      <button type="button" class="k-quiet k-small" data-do="clear" hidden>Clear selection</button>
    </div>
    <div class="k-map-legend" role="group" aria-label="Colours; press one to see it alone"></div>
  </div>
  <div class="k-chart-foot">
    <span data-part="source"></span>
    <span class="k-chart-take" role="group" aria-label="Download the map">
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
            the points that lines lead to, or ``None``), and where known ``regions`` and ``islands`` as
            ``models.atlas.regions.Terrain`` has them. And where wanted ``values`` (name → a number for each point,
            for a colour from little to much), ``added`` (points with ``x``, ``y``, ``text``, ``values``, ``labels`` by
            colour and one ``label`` for all others, drawn as rings), ``hidden`` (points that are not shown), ``view``
            (``x``, ``y``, ``zoom``), ``title``, ``source`` (where it comes from), ``name`` (what exported files are
            called) and ``axes`` (what x and y are, where they mean something: thin lines then go through zero).
        colour: The name of the colours, or of the values, that are shown.
        words: Points whose text has these words are marked.
        picked: The point that is chosen, -1 for none; added ones are counted on from the others.

    Events:
        select: A point was clicked or reached by key; ``gr.EventData`` has its ``row``.
        lasso: A line was drawn around points, or all in view were selected; their ``rows``, none where that has ended.
        move: The view has moved and rests; ``x``, ``y`` and ``zoom``.
    """

    script = "point_map.js"
    custom_events = ("move", "lasso")
    move: Event
    lasso: Event

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
    import itertools

    import gradio as gr
    import numpy as np

    random = np.random.default_rng(0)
    groups = np.append(random.integers(3, size=1960), [2] * 40)
    places = random.standard_normal((2000, 2)) + 4 * np.array([[0, 0], [1, 0], [0, 1]])[groups]
    places[1960:] = places[1960:] / 4 + 40  # a few lie far away
    far = {"left": 39.0, "right": 42.0, "low": 39.0, "high": 42.0, "size": 40}
    main = {"left": -3.0, "right": 7.0, "low": -3.0, "high": 7.0, "size": 1960}
    points = {
        "x": places[:, 0].tolist(),
        "y": places[:, 1].tolist(),
        "text": [f"point {number}" for number in range(2000)],
        "colours": {"group": {"labels": ["one", "two", "three"], "codes": groups.tolist()}},
        "links": None,
        "regions": [
            {"name": "crowd", "x": 0, "y": 0, "box": main},
            {"name": "far", "x": 40.5, "y": 40.5, "box": far},
        ],
        "islands": [main, far],
    }

    def told(event: gr.EventData) -> str:
        """Which point was chosen."""
        return str(points["text"][event.row])

    def counted(event: gr.EventData) -> str:
        """How many points were selected."""
        return str(len(event.rows))

    with gr.Blocks() as demo:
        turns = itertools.count()
        about = {"title": "Map of points", "source": "made by chance, seed 0", "name": "points"}
        drawn = PointMap({"points": points, **about}, colour="group")
        chosen, selected, words = (gr.Textbox(label=label) for label in ("Chosen", "Selected", "Words"))
        drawn.select(told, outputs=chosen)
        drawn.lasso(counted, outputs=selected)
        words.change(lambda text: gr.update(words=text), words, drawn)
        gr.Button("Points that are fetched").click(
            lambda: {"points": f"/points.json?{next(turns)}", **about}, outputs=drawn
        )
    demo.launch()
