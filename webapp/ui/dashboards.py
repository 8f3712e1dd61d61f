"""What the researchers' dashboards share: a bar to choose from, charts, what an empty page says, how a page follows.

A chart stands with what it means, where it comes from, and its exports.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import urlencode

import gradio as gr
from gradio.components import Component

from webapp.research.figures import Drawn
from webapp.research.plots import on_page
from webapp.ui.components.chart_exports import ChartExports
from webapp.ui.components.view_link import ViewLink
from webapp.ui.layout import QUIET, explained, heading

OPENS = "It opens this page with the same choices, on whatever the runs have logged by then."
ANEW: dict[str, Any] = {**QUIET, "trigger_mode": "multiple"}  # of a choice, also while the one before is being drawn
STILL: dict[str, Any] = {"apply_default_css": False, "js_on_load": None}  # of HTML without a script
NOTHING_YET = "There is nothing to draw yet: the runs have not come so far."


class Dashboard:
    """The frame of a page that draws what is there, or says what fills it.

    Within ``bar`` stand the choices, within ``room`` all that is drawn.
    """

    def __init__(self, title: str, lead: str, nothing: str, command: str = "") -> None:
        with gr.Row(elem_classes="k-ask"):
            heading(title, lead)
        with gr.Column(visible=False, elem_classes="k-fills") as self.nothing:
            gr.HTML(f"<p>{nothing}</p>", **STILL)
            if command:
                copied(command, elem_id="fill")
        self.room = gr.Column(visible=False)
        with self.room:
            self.bar = gr.Row(elem_classes="k-bar")
            self.going = gr.HTML(elem_id="going", **STILL)

    def offer_link(self) -> None:
        """Put the link to this view at the end of the bar."""
        self.link = ViewLink(opens=OPENS, scale=0, min_width=160)

    @property
    def outputs(self) -> tuple[Any, ...]:
        """What a handler fills with ``shown`` or ``empty``."""
        return self.nothing, self.room, self.link, self.going


def copied(command: str = "", **settings: Any) -> gr.Code:
    """A command with a button that copies it."""
    return gr.Code(
        command, language="shell", interactive=False, show_label=False, show_line_numbers=False, lines=1,
        wrap_lines=True, container=False, buttons=["copy"], elem_classes="k-command", label="Command", **settings,
    )  # fmt: skip


def shown(choices: dict[str, Any], going: str) -> tuple[Any, ...]:
    """Updates of a dashboard that has something to draw; ``choices`` stand in the page's address."""
    return (
        gr.update(visible=False),
        gr.update(visible=True),
        choices,
        f'<p class="k-going">{escape(going)}</p>' if going else "",
    )


def empty(others: int) -> list[Any]:
    """Updates of a dashboard that has nothing to draw, and of its ``others`` outputs."""
    return [gr.update(visible=True), gr.update(visible=False), *[gr.skip()] * (2 + others)]


def started() -> gr.Timer:
    """The timer by which a page follows, once it has opened with what its address names."""
    return gr.Timer(active=True)


def table(elem_id: str, title: str, **settings: Any) -> gr.Dataframe:
    """A table to be read; ``title``: what it is called for those who hear it."""
    return gr.Dataframe(
        label=title,
        elem_id=elem_id,
        interactive=False,
        show_label=False,
        wrap=True,
        buttons=[],
        max_height=2000,
        elem_classes="k-figures",
        **settings,
    )


def source_of(address: str, drawn: Drawn, query: Mapping[str, Any]) -> dict[str, str]:
    """Where a chart comes from and how it is had by HTTP, as ``ChartExports`` takes it."""
    given = urlencode({name: value for name, value in query.items() if value}, doseq=True)
    return {"address": f"{address}?{given}", "source": str(drawn.source), "empty": ""}


def offered(options: Sequence[str | tuple[str, str]], value: Any, shown: Any) -> Any:
    """A list to choose from with ``value`` chosen; where that is ``shown`` already it stays as it is."""
    return gr.update(choices=list(options)) if value == shown else gr.update(choices=list(options), value=value)


def chosen_of(options: Sequence[str | tuple[str, str]], wanted: str) -> str:
    """What is wanted, where it is among the options (labels with values, or values); or the first."""
    values = [each if isinstance(each, str) else each[1] for each in options]
    return wanted if wanted in values else next(iter(values), "")


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
