"""The compare page: two short pieces, one question, five answers."""

from __future__ import annotations

import gradio as gr

from webapp.ui.pages.frame import KEYS, page
from webapp.ui.pages.player import domains, player, ways

ANSWERS = (  # outcome, key, what stands on the button
    ("left", "1", "<b>A</b> is more beautiful"),
    ("equal", "0", "Equally beautiful"),
    ("right", "2", "<b>B</b> is more beautiful"),
    ("neither", "N", "Neither"),
    ("skipped", "S", "Skip"),
)
LEGEND = """<kbd>A</kbd> <kbd>B</kbd> listen <kbd>space</kbd> pause
    <kbd>1</kbd> A <kbd>2</kbd> B <kbd>0</kbd> equal <kbd>N</kbd> neither <kbd>S</kbd> skip"""
MILESTONES = 10  # picks until the taste page is worth a look


def _answer(outcome: str, key: str, label: str) -> str:
    return (
        f'<button type="button" class="k-answer" data-outcome="{outcome}" data-testid="vote-{outcome}" '
        f'aria-keyshortcuts="{key}" disabled><span>{label}</span> <kbd aria-hidden="true">{key}</kbd></button>'
    )


def progress(legend: str) -> str:
    """What has been learned so far, and the keys."""
    return f"""
<footer class="k-progress">
  <span class="k-ticks" aria-hidden="true">{"<i></i>" * MILESTONES}</span>
  <span class="k-picks" data-testid="picks">0 picks</span>
  <p class="k-note" aria-live="polite"></p>
  <a class="k-more" data-testid="more" href="more" hidden>More like the one you picked</a>
  <p class="k-legend" aria-label="Keyboard">{legend}</p>
</footer>
"""


def build() -> gr.HTML:
    """The page at ``/``."""
    return page(
        "compare",
        f"""
<div class="k-ask">
  <h1>Which is more beautiful?</h1>
  {domains("k-domain")}
</div>
{ways("compare")}
<div class="k-pair">{player("a", "A", "A")}{player("b", "B", "B")}</div>
<div class="k-wait" hidden>{KEYS}<p data-part="wait">Composing the first pieces…</p></div>
<div class="k-vote" role="group" aria-label="Your pick">
  <p class="k-hint" id="k-hint"></p>
  {"".join(_answer(*answer) for answer in ANSWERS)}
</div>
<p class="k-status" role="status" aria-live="polite"></p>
{progress(LEGEND)}
""",
    )
