"""Music for two: the link that invites, the agreement, where two tastes part, and what was composed for both."""

from __future__ import annotations

import gradio as gr

from webapp.ui.pages.frame import page


def build() -> gr.HTML:
    """The page at ``/together``."""
    return page(
        "together",
        """
<div class="k-ask"><h1 tabindex="-1">Music for two</h1></div>
<p class="k-status" role="status" aria-live="polite"></p>
<section class="k-invited" aria-labelledby="k-invited-title" hidden>
  <h2 id="k-invited-title">Somebody would like to share music with you</h2>
  <p class="k-explain">If you agree, pieces are composed from both of your tastes, and each of you sees what the two of
    you seem to like and where you part. Nothing else is shared: no name, no votes. Either of you can end it at any
    time; then all of it is gone for both.</p>
  <div class="k-dialog-row">
    <button type="button" class="k-quiet" data-part="decline">Not now</button>
    <button type="button" class="k-solid" data-part="agree" data-testid="agree">Agree</button>
  </div>
</section>
<div class="k-duets"></div>
<section class="k-invite" aria-labelledby="k-invite-title" hidden>
  <h2 id="k-invite-title">Invite somebody</h2>
  <p class="k-explain">Send a link to one person. Once they have opened it and agreed, music can be composed that both
    of you would like. The link works once, and until then nobody learns anything.</p>
  <div class="k-invite-row">
    <button type="button" class="k-solid" data-part="invite" data-testid="invite">Make a link</button>
    <input type="text" readonly aria-label="Your link" data-part="url" data-testid="invite-url" hidden>
    <button type="button" class="k-quiet" data-part="copy" hidden>Copy link</button>
    <button type="button" class="k-quiet" data-part="withdraw" hidden>Take it back</button>
  </div>
</section>
<dialog class="k-dialog" data-dialog="end" aria-labelledby="k-end-title">
  <h2 id="k-end-title">End this?</h2>
  <p>The pieces composed for both of you are gone for good, for both. Your own picks stay as they are.</p>
  <p class="k-dialog-error" role="alert" data-part="error"></p>
  <div class="k-dialog-row">
    <button type="button" class="k-quiet" data-part="close">Keep it</button>
    <button type="button" class="k-solid" data-part="confirm" data-testid="end-confirm">End it</button>
  </div>
</dialog>
""",
        part_of="taste",
    )
