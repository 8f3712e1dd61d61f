"""The compare page: two short pieces, one question, five answers."""

from __future__ import annotations

import gradio as gr

from webapp.pages.frame import KEYS, page

DOMAINS = (("pop", "Pop piano"), ("dance", "Dance tunes"), ("chorale", "Chorales"))
ANSWERS = (  # outcome, key, what stands on the button
    ("left", "1", "<b>A</b> is more beautiful"),
    ("equal", "0", "Equally beautiful"),
    ("right", "2", "<b>B</b> is more beautiful"),
    ("neither", "N", "Neither"),
    ("skipped", "S", "Skip"),
)
MILESTONES = 10  # picks until the taste page is worth a look


def _clip(side: str) -> str:
    letter = side.upper()
    return f"""
<section class="k-clip" data-side="{side}" aria-label="Piece {letter}">
  <div class="k-clip-head">
    <button type="button" class="k-play" data-testid="player-{side}" aria-label="Play {letter}" aria-pressed="false"
            aria-keyshortcuts="{letter}" disabled>
      <svg viewBox="0 0 24 24" aria-hidden="true">
        <path class="k-icon-play" d="M8 5.2v13.6L19 12z"/>
        <path class="k-icon-pause" d="M7 5h3.6v14H7zM13.4 5H17v14h-3.6z"/>
      </svg>
    </button>
    <span class="k-letter" aria-hidden="true">{letter}</span>
    <kbd aria-hidden="true">{letter}</kbd>
    <span class="k-time" aria-hidden="true"></span>
  </div>
  <div class="k-roll" role="slider" tabindex="0" aria-label="Position in {letter}" aria-valuemin="0" aria-valuemax="0"
       aria-valuenow="0"><canvas aria-hidden="true"></canvas></div>
</section>
"""


def _answer(outcome: str, key: str, label: str) -> str:
    return (
        f'<button type="button" class="k-answer" data-outcome="{outcome}" data-testid="vote-{outcome}" '
        f'aria-keyshortcuts="{key}" disabled><span>{label}</span> <kbd aria-hidden="true">{key}</kbd></button>'
    )


def build() -> gr.HTML:
    """The page at ``/``."""
    domains = "".join(
        f'<label><input type="radio" name="k-domain" value="{value}"><span>{label}</span></label>'
        for value, label in DOMAINS
    )
    ticks = "<i></i>" * MILESTONES
    return page(
        "compare",
        f"""
<div class="k-ask">
  <h1>Which is more beautiful?</h1>
  <fieldset class="k-domains"><legend class="k-hidden">Kind of music</legend>{domains}</fieldset>
</div>
<div class="k-pair">{_clip("a")}{_clip("b")}</div>
<div class="k-wait" hidden>{KEYS}<p data-part="wait">Composing the first pieces…</p></div>
<div class="k-vote" role="group" aria-label="Your pick">
  <p class="k-hint" id="k-hint"></p>
  {"".join(_answer(*answer) for answer in ANSWERS)}
</div>
<p class="k-status" role="status" aria-live="polite"></p>
<footer class="k-progress">
  <span class="k-ticks" aria-hidden="true">{ticks}</span>
  <span class="k-picks" data-testid="picks">0 picks</span>
  <p class="k-note" aria-live="polite"></p>
  <p class="k-legend" aria-label="Keyboard"><kbd>A</kbd> <kbd>B</kbd> listen <kbd>space</kbd> pause
    <kbd>1</kbd> A <kbd>2</kbd> B <kbd>0</kbd> equal <kbd>N</kbd> neither <kbd>S</kbd> skip</p>
</footer>
""",
    )
