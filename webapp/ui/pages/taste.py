"""The taste page: what a listener seems to like, how sure that is, the best clips, more of them, and the way back."""

from __future__ import annotations

import gradio as gr

from webapp.sharing.card_page import SECTION as CARD
from webapp.ui.pages.frame import KEYS, page
from webapp.ui.pages.why import WHY

WISHES = "".join(
    f'<label><input type="radio" name="k-wish" value="{mode}" data-testid="wish-{mode}"{checked}>'
    f"<span>{label}</span></label>"
    for mode, label, checked in (
        ("careful", "A gift", " checked"),
        ("surprise", "Surprise me", ""),
        ("near", "Near a piece", ""),
    )
)


def build() -> gr.HTML:
    """The page at ``/taste``."""
    return page(
        "taste",
        f"""
<div class="k-ask"><h1>Your taste</h1><p class="k-lead" aria-live="polite">Reading your picks…</p></div>
<div class="k-empty" hidden>{KEYS}
  <p>Nothing to read yet. Your taste takes shape with every pair you compare. From your first pick on you can have
    pieces composed for you here.</p>
  <a class="k-solid" href="./">Listen to a first pair</a>
</div>
<div class="k-taste" hidden>
  <section aria-labelledby="k-styles-title">
    <h2 id="k-styles-title">What you seem to like</h2>
    <p class="k-explain">Each line is our best guess with the range we are 95 % sure of. While a range crosses the
      middle your picks decide no direction, and nothing is said of one.</p>
    <div class="k-styles"></div>
    <div class="k-habits"></div>
  </section>
  <section aria-labelledby="k-accuracy-title">
    <h2 id="k-accuracy-title">How well we knew you</h2>
    <p class="k-explain">Before each vote a guess is written down; this counts how often it was right.</p>
    <div class="k-accuracy"></div>
  </section>
  <section aria-labelledby="k-proof-title" data-testid="proof">
    <h2 id="k-proof-title">Is it personal?</h2>
    <p class="k-explain">What is composed for you stands against others, blind, in some of your pairs. This counts how
      often you picked yours.</p>
    <div class="k-proofs"></div>
  </section>
  <section aria-labelledby="k-best-title">
    <h2 id="k-best-title">Your best so far</h2>
    <div class="k-best"></div>
    <h3 class="k-composed-title" data-part="composed-title" hidden>Further pieces composed for you</h3>
    <div data-part="composed"></div>
  </section>
</div>
{WHY}
<section class="k-compose" aria-labelledby="k-compose-title" hidden>
  <div>
    <h2 id="k-compose-title">Compose for me</h2>
    <fieldset class="k-domains k-wishes"><legend class="k-hidden">What to compose</legend>{WISHES}</fieldset>
    <p data-part="wish-about"></p>
    <div class="k-near" data-part="near" hidden>
      <label>Piece <select data-part="near-piece" data-testid="near-piece"></select></label>
      <label>Keep <input type="range" min="10" max="90" step="10" value="50" data-part="keep" data-testid="near-keep">
        <output data-part="kept"></output></label>
    </div>
    <p class="k-compose-text" aria-live="polite"></p>
    <progress data-part="progress" aria-label="How far composing is" hidden></progress>
    <ul class="k-coming" role="list" data-part="coming" data-testid="coming" hidden></ul>
    <p class="k-dialog-error" role="alert" data-part="compose-error"></p>
    <p><a href="together">Compose for both of us</a>: what you and somebody else would like best.</p>
  </div>
  <button type="button" class="k-solid" data-testid="compose">Compose for me</button>
</section>
{CARD}
<section class="k-history" aria-labelledby="k-history-title" hidden>
  <h2 id="k-history-title" tabindex="-1">Your votes</h2>
  <p class="k-explain">Did somebody else vote here, or were you not listening? Go back to any vote: what came after
    it is undone as if it had never been.</p>
  <ol role="list"></ol>
  <div class="k-history-row">
    <button type="button" class="k-quiet" data-part="more">Show older votes</button>
    <button type="button" class="k-quiet" data-part="start" data-testid="rewind-0">Start over</button>
  </div>
</section>
<section class="k-bring" aria-labelledby="k-bring-title">
  <div>
    <h2 id="k-bring-title">Bring your taste here</h2>
    <p class="k-explain">Have you listened in another place? <em>Download my data</em> in its menu gives a file; choose
      it here, and everything you picked there is yours here too.</p>
    <p class="k-dialog-error" role="alert" data-part="error"></p>
  </div>
  <input type="file" accept=".zip,.json" aria-label="The file with your data" hidden>
  <button type="button" class="k-quiet" data-testid="bring">Choose the file</button>
</section>
<dialog class="k-dialog" data-dialog="bring" aria-labelledby="k-bring-dialog-title">
  <h2 id="k-bring-dialog-title">Replace what is here?</h2>
  <p><span data-part="what"></span> Download them first (in the menu) if you want to keep a copy.</p>
  <div class="k-dialog-row">
    <button type="button" class="k-quiet" data-part="close">Keep what is here</button>
    <button type="button" class="k-solid" data-part="confirm" data-testid="bring-confirm">Replace it</button>
  </div>
</dialog>
<dialog class="k-dialog" data-dialog="rewind" aria-labelledby="k-rewind-title">
  <h2 id="k-rewind-title" data-part="title"></h2>
  <p><span data-part="what"></span> Download your data first (in the menu) if you want to keep a copy.</p>
  <p class="k-dialog-error" role="alert" data-part="error"></p>
  <div class="k-dialog-row">
    <button type="button" class="k-quiet" data-part="close">Keep them</button>
    <button type="button" class="k-solid" data-part="confirm" data-testid="rewind-confirm"></button>
  </div>
</dialog>
<p class="k-status" role="status" aria-live="polite"></p>
""",
    )
