"""A chart as the researchers' pages show it: what it means, the figure, where it comes from, and its exports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from webapp.research.figures import Drawn
from webapp.research.plots import on_page
from webapp.ui.components.chart_exports import ChartExports
from webapp.ui.dashboards import source_of
from webapp.ui.layout import explained

NOTHING_YET = "There is nothing to draw yet: the runs have not come so far."


@contextmanager
def section(title: str, meaning: str, **settings: Any) -> Iterator[gr.Column]:
    """What is made within stands below a heading and a line on what it means."""
    with gr.Column(elem_classes="k-section", **settings) as column:
        below = explained(meaning) if meaning else ""
        gr.HTML(f"<h2>{title}</h2>{below}", apply_default_css=False, js_on_load=None)
        yield column


@dataclass(frozen=True)
class Chart:
    """The figure called ``name`` at ``address``, as components of a page."""

    name: str
    address: str
    plot: gr.Plot
    exports: ChartExports
    empty: str = NOTHING_YET

    @property
    def outputs(self) -> tuple[Component, ...]:
        """What a handler fills with ``shown``."""
        return self.plot, self.exports

    def shown(self, drawn: Drawn, query: Mapping[str, Any], empty: str = "") -> tuple[Any, Any]:
        """Updates of the outputs; ``query``: how the same is asked for by HTTP."""
        there = len(drawn.frame) > 0
        below = {**source_of(self.address, drawn, query), "empty": "" if there else empty or self.empty}
        return gr.update(value=on_page(drawn.figure) if there else None, visible=there), below


def chart(name: str, title: str, *, address: str = "", empty: str = NOTHING_YET) -> Chart:
    """A chart's place in a page."""
    plot = gr.Plot(label=title, show_label=False, container=False, elem_id=f"plot-{name}")
    exports = ChartExports(name, title, elem_id=f"exports-{name}")
    return Chart(name, address or f"/api/plots/{name}", plot, exports, empty)
