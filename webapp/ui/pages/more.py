"""More like this: the clips most like one that was picked, and a path that leads on from it."""

from __future__ import annotations

import gradio as gr

from webapp.ui.pages.frame import page


def build() -> gr.HTML:
    """The page at ``/more?clip=ID``."""
    return page(
        "more",
        """
<div class="k-ask"><h1>More like this</h1><p class="k-lead" aria-live="polite">Looking around…</p></div>
<div class="k-around">
  <section aria-labelledby="k-similar-title">
    <h2 id="k-similar-title">Most alike</h2>
    <p class="k-explain">The pieces whose styles are the most like it, the most similar first.</p>
    <div class="k-similar" data-testid="similar"></div>
  </section>
  <section aria-labelledby="k-path-title">
    <h2 id="k-path-title">A path on</h2>
    <p class="k-explain">Each step is close to the one before and farther from where you began.</p>
    <div class="k-path" data-testid="path"></div>
  </section>
</div>
""",
        part_of="compare",
    )
