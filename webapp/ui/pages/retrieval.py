"""The retrieval page: how well titles and melodies find each other, and what each piece of information is worth."""

from __future__ import annotations

import gradio as gr

from webapp.ui.pages.chart import chart, choice, research
from webapp.ui.pages.frame import page

TABLE = """
<div class="k-table" tabindex="0" role="region" aria-label="Variants in figures">
  <table data-testid="variants"><thead><tr><th scope="col">condition</th><th scope="col">value</th>
    <th scope="col">95 %</th><th scope="col">chance</th><th scope="col">n</th></tr></thead><tbody></tbody></table>
</div>
"""
CURVES = """
<details class="k-which"><summary>Which conditions</summary><div data-part="conditions"></div></details>
"""
COSTS = """
<details class="k-which"><summary>In figures</summary>
<div class="k-table" tabindex="0" role="region" aria-label="What is missed, in figures">
  <table data-part="costs"><thead><tr><th scope="col">without</th><th scope="col">variant</th>
    <th scope="col">change</th><th scope="col">95 %</th><th scope="col">p</th><th scope="col">n</th></tr></thead>
    <tbody></tbody></table>
</div></details>
"""
CONFUSED = '<div class="k-confused" data-part="confused" data-testid="confused"></div>'


NO_STUDY = "No study of titles has left its log here yet. This command fills the page while it runs:"


def build() -> gr.HTML:
    """The page at ``/retrieval``."""
    watched = f'<div class="k-choices-row">{choice("query", "Asked for")}{choice("condition", "By")}</div>'
    body = (
        chart(
            "variants",
            "Variants",
            "Every pair of encoders, all its seeds together, with what stays uncertain (95 %); each dot is one seed. "
            "Ridge is the plain baseline: a regression between two bags.",
            below=TABLE,
        )
        + chart("curves", "Learning curves", "What validation found at each step; thin lines are single seeds.", CURVES)
        + chart(
            "ranks",
            "Watch-list",
            "A few titles and tunes are asked for at every validation. Point at a step to see what stood nearest.",
            watched,
            CONFUSED,
        )
        + '<div class="k-two">'
        + chart("nearest", "Titles taken for", "Of the titles of each type, the type of the nearest tune.")
        + chart("probe", "Tunes read as", "What a linear probe on the melody tower reads in a collection never heard.")
        + "</div>"
        + chart(
            "ablations",
            "What retrieval hears",
            "The same towers, trained without a piece of information. Left of the line it was worth something.",
            f'<div class="k-choices-row">{choice("genre", "Tunes")}</div>',
            COSTS,
        )
        + chart(
            "probe_ablations",
            "What tells the types apart",
            "The same for the probe: how often it reads tunes right without a piece of information.",
            f'<div class="k-choices-row">{choice("probe_genre", "Tunes")}</div>',
            COSTS,
        )
    )
    controls = choice("study", "Study") + choice("direction", "Direction") + choice("measure", "Measure")
    lead = "How well a title finds its tune, and a tune its title: beside chance, with what each piece is worth."
    return page("retrieval", research("Retrieval", lead, controls, body, NO_STUDY))
