"""The titles page: words that call up tunes, tunes that call up titles, and how seldom either is more than chance."""

from __future__ import annotations

import gradio as gr

from webapp.ui.pages.frame import KEYS, page
from webapp.ui.pages.player import domains


def build() -> gr.HTML:
    """The page at ``/titles``."""
    return page(
        "titles",
        f"""
<div class="k-ask">
  <div><h1>Titles</h1>
  <p class="k-lead">Type any words and hear which tunes lie nearest to them. Take it as a loose inspiration:
    a title says little of its tune.</p></div>
</div>
<div class="k-titles">
  <section aria-labelledby="k-words-title">
    <h2 id="k-words-title">From words to tunes</h2>
    <form class="k-words-form" data-part="form">
      <label class="k-find"><span class="k-hidden">Any words</span>
        <input class="k-words-in" maxlength="120" placeholder="Any words, such as “The rocky road to the sea”" required
               data-part="words" data-testid="words" autocomplete="off"></label>
      <button class="k-solid" data-testid="find-tunes">Find tunes</button>
    </form>
    <p class="k-explain" data-part="odds-tunes" data-testid="odds-tunes"></p>
    <p class="k-said" role="status" aria-live="polite" data-part="said-tunes"></p>
    <div class="k-choices" data-part="tunes" data-testid="tunes"></div>
  </section>
  <section aria-labelledby="k-ideas-title">
    <h2 id="k-ideas-title">From music to titles</h2>
    <div class="k-start-head">
      {domains("k-ideas-domain")}
      <label class="k-quiet k-small k-file">Your own MIDI or ABC
        <input type="file" class="k-hidden" accept=".mid,.midi,.abc,audio/midi,text/vnd.abc" data-testid="ideas-upload">
      </label>
    </div>
    <p class="k-explain" data-part="odds-ideas"></p>
    <p class="k-said" role="status" aria-live="polite" data-part="said-ideas"></p>
    <div data-part="ideas-room" hidden>
      <h3 data-part="ideas-title"></h3>
      <ul class="k-near" data-part="ideas" data-testid="ideas"></ul>
      <div class="k-choices" data-part="idea-player"></div>
    </div>
    <h3>Name one of these</h3>
    <div class="k-wait" hidden>{KEYS}<p>Composing the first pieces…</p></div>
    <p class="k-said" role="alert" data-part="choices-said"></p>
    <div class="k-choices" data-part="choices"></div>
    <p class="k-more"><button type="button" class="k-quiet k-small" data-do="more" hidden>Show more</button></p>
  </section>
</div>
<p class="k-status" role="status" aria-live="polite"></p>
""",
    )
