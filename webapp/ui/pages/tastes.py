"""The researchers' page on tastes: what is common, how many kinds there are, how well they are told, by which pairs."""

from __future__ import annotations

import gradio as gr

from webapp.ui.pages.chart import chart, choice, research
from webapp.ui.pages.frame import page

KINDS = """Populations with more and more taste directions, learned from some listeners, and how much likelier the
others' votes are than with none. The smallest number within a standard error of the best is what a newcomer gets."""
CEILINGS = """Each listener's share of votes that were told right beforehand, beside the most that their own consistency
allows: pairs that came again, mirrored."""
CALIBRATION = "Of votes that were given such a chance, how many came: ten bins of equal size."
POLICIES = """How surprising votes were by what drew their pair: surprise is what can be learned. Red: every vote,
weighed by the inverse of its pair's probability."""
POPULARITY = """How often a clip was judged, and how beautiful it is to the average listener, with 95 % of doubt."""
CHARTS = (
    ("kinds", "Kinds of taste", KINDS),
    ("ceilings", "Told before the vote", CEILINGS),
    ("calibration", "Calibration", CALIBRATION),
    ("policies", "What draws a pair", POLICIES),
    ("popularity", "Popularity and beauty", POPULARITY),
)


NOBODY = "Nobody has listened here yet. Votes on the compare page fill this one:"


def build() -> gr.HTML:
    """The page at ``/tastes``."""
    body = "".join(
        chart(name, title, explained, below='<p class="k-told" data-part="told"></p>')
        for name, title, explained in CHARTS
    )
    command = '<p class="k-explain">All of it, without a name: <code data-part="command">kallos study export</code></p>'
    lead = "What a study's listeners share, where they part, and how well they are told."
    return page("tastes", research("Tastes", lead, choice("study", "Study"), body + command, NOBODY))
