"""The runs page: any two training runs side by side, followed while they go on."""

from __future__ import annotations

import gradio as gr

from webapp.ui.pages.chart import chart, choice, research
from webapp.ui.pages.frame import page

ABOUT = """
<div class="k-table" tabindex="0" role="region" aria-label="The two runs">
  <table data-testid="runs"><thead></thead><tbody></tbody></table>
</div>
"""


def build() -> gr.HTML:
    """The page at ``/runs``."""
    controls = choice("a", "Run") + choice("b", "Beside") + choice("measure", "Figure")
    body = chart("pair", "Figures", "A colour a run; dashes tell what a figure was measured on.", below=ABOUT)
    lead = "Any two training runs, side by side; one that is going on is followed."
    return page("runs", research("Runs", lead, controls, body))
