"""A piece as a score, drawn by abcjs from ABC.

Run ``python -m webapp.ui.components.score`` for a page of ten lines that shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webapp.ui.components.component import Component


class Score(Component):
    """A button, and below it the score, which is fetched and drawn when somebody first opens it.

    Args:
        value: ``title``, and ``abc`` or the address where it is had, ``abc_url``; ``first_bar``: the number of the
            first bar, if not 1. ``None``: there is nothing to show.
    """

    script = "score.js"

    def __init__(self, value: Mapping[str, Any] | None = None, **settings: Any) -> None:
        super().__init__(
            value,
            html_template="""
<div class="kallos" style="visibility: hidden">
  <button type="button" class="k-quiet k-small" aria-expanded="false" data-testid="score">Score</button>
  <section class="k-score" aria-label="Score" hidden>
    <div class="k-score-head">
      <h2></h2>
      <button type="button" class="k-quiet k-small" data-testid="print">Print or save as PDF</button>
    </div>
    <p class="k-said" role="status"></p>
    <div class="k-paper"><div data-part="paper"></div></div>
  </section>
</div>""",
            **settings,
        )


if __name__ == "__main__":
    import gradio as gr

    from webapp.ui.components.demo import TUNES

    with gr.Blocks() as demo:
        Score({"title": "Speed the Plough", "abc": TUNES.split("\n\n")[0]})
    demo.launch()
