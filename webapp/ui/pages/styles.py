"""The styles page for researchers, in tabs: styles to hear, swaps, what leaks, moods, and how it was learned."""

from __future__ import annotations

from typing import Any

import gradio as gr

from webapp.context import Context
from webapp.ui.charts import Chart
from webapp.ui.components.view_link import ViewLink, chosen
from webapp.ui.handlers import bound
from webapp.ui.layout import CHOICE, QUIET, heading, page
from webapp.ui.pages.style_codes import build_codes
from webapp.ui.pages.style_matrices import build_leakage, build_swaps, measured, shown_moods, shown_swaps
from webapp.ui.pages.style_moods import build_mood, named
from webapp.ui.pages.style_training import build_training, shown
from webapp.ui.pages.style_walk import OPENS, build_walk

LEAD = "How far each style can be changed alone, what else moves with it, and how that sounds."
TABS = ("listen", "swaps", "leakage", "mood", "training")


def build(context: Context) -> None:
    """The page at ``/styles``."""
    with page("styles") as listener:
        with gr.Row(elem_classes="k-ask k-abreast"):
            heading("Styles", LEAD)
            link = ViewLink(opens=OPENS, label="Link", scale=0)
        is_open = gr.State(value=False)
        with gr.Tabs(elem_id="style-tabs") as tabs:
            with gr.Tab("Listen", id="listen") as listening, gr.Tabs():
                with gr.Tab("A walk along a style"):
                    build_walk(context, listener, link)
                with gr.Tab("Learned codes") as coded:
                    build_codes(context, listener, coded)
            with gr.Tab("Swaps", id="swaps") as swapping:
                swaps = build_swaps(context, listener)
            with gr.Tab("Leakage", id="leakage") as leaking:
                build_leakage(context)
            with gr.Tab("Mood", id="mood") as mood:
                moods, clips = build_mood(context, listener, link, is_open)
            with gr.Tab("Training", id="training") as training:
                place, curves = build_training(context, link)
    outputs = [is_open, tabs, *clips, *swaps.outputs, *moods.outputs, *curves]
    gr.on(None, bound(opened, context, place), None, outputs, **QUIET)
    for tab, name in zip((listening, swapping, leaking, mood, training), TABS, strict=True):
        tab.select(bound(address, name), is_open, link, **CHOICE)


def opened(context: Context, place: Chart, request: gr.Request) -> list[Any]:
    """Everything that was measured, at the tab, the clips, the measure and the run that the address names."""
    tab, run, found = chosen(request, "tab"), chosen(request, "run"), measured(context)
    return [
        True,
        gr.Tabs(selected=tab) if tab in TABS else gr.skip(),
        *named(request),
        *shown_swaps(found),
        *shown_moods(found),
        *shown(context, place, run),
    ]


def address(name: str, is_open: bool) -> Any:  # noqa: FBT001 (an input)
    """The tab as it stands in the page's address, which a page that is not open yet has still to read.

    Gradio selects the first tab by itself as soon as it is drawn.
    """
    return {"tab": "" if name == TABS[0] else name} if is_open else gr.skip()
