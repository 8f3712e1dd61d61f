"""The taste page: what a listener seems to like, how sure that is, the best clips so far, and more of them."""

from __future__ import annotations

import gradio as gr

from webapp.pages.frame import KEYS, page


def build() -> gr.HTML:
    """The page at ``/taste``."""
    return page(
        "taste",
        f"""
<div class="k-ask"><h1>Your taste</h1><p class="k-lead" aria-live="polite">Reading your picks…</p></div>
<div class="k-empty" hidden>{KEYS}
  <p>Nothing to read yet. Your taste takes shape with every pair you compare.</p>
  <a class="k-solid" href="./">Listen to a first pair</a>
</div>
<div class="k-taste" hidden>
  <section aria-labelledby="k-styles-title">
    <h2 id="k-styles-title">What you seem to like</h2>
    <p class="k-explain">Each line is our best guess with the range we are 95 % sure of. A range that crosses the middle
      says that your picks do not decide it yet.</p>
    <div class="k-styles"></div>
  </section>
  <section aria-labelledby="k-accuracy-title">
    <h2 id="k-accuracy-title">How well we knew you</h2>
    <p class="k-explain">Before each vote a guess is written down; this counts how often it was right.</p>
    <div class="k-accuracy"></div>
  </section>
  <section aria-labelledby="k-best-title">
    <h2 id="k-best-title">Your best so far</h2>
    <div class="k-best"></div>
  </section>
</div>
<section class="k-compose" aria-labelledby="k-compose-title" hidden>
  <div>
    <h2 id="k-compose-title">Compose for me</h2>
    <p class="k-compose-text" aria-live="polite">New pieces, searched for in the direction of your taste. You will meet
      them blind among your next pairs, so that you can find out whether they are any better.</p>
  </div>
  <button type="button" class="k-solid" data-testid="compose">Compose for me</button>
</section>
<p class="k-status" role="status" aria-live="polite"></p>
""",
    )
