"""The most beautiful of four: a second way to play, with the same player and the same rules as the pairs."""

from __future__ import annotations

import gradio as gr

from webapp.ui.pages.compare import progress
from webapp.ui.pages.frame import KEYS, page
from webapp.ui.pages.player import domains, player, ways

LEGEND = """<kbd>A–D</kbd> listen <kbd>space</kbd> pause
    <kbd>1–4</kbd> pick <kbd>N</kbd> none <kbd>S</kbd> skip"""


def _pick(place: int, side: str) -> str:
    return (
        f'<button type="button" class="k-answer" data-outcome="{side}" data-testid="pick-{side}" '
        f'aria-label="{side.upper()} is the most beautiful" aria-keyshortcuts="{place}" disabled>'
        f'<span>Pick <b>{side.upper()}</b></span> <kbd aria-hidden="true">{place}</kbd></button>'
    )


def _other(outcome: str, key: str, label: str) -> str:
    return (
        f'<button type="button" class="k-answer" data-outcome="{outcome}" data-testid="pick-{outcome}" '
        f'aria-keyshortcuts="{key}" disabled><span>{label}</span> <kbd aria-hidden="true">{key}</kbd></button>'
    )


def build() -> gr.HTML:
    """The page at ``/four``."""
    cards = (player(side, side.upper(), side.upper(), _pick(place, side)) for place, side in enumerate("abcd", 1))
    return page(
        "four",
        f"""
<div class="k-ask">
  <h1>Which is the most beautiful?</h1>
  {domains("k-domain")}
</div>
{ways("four")}
<div class="k-pair k-four">{"".join(cards)}</div>
<div class="k-wait" hidden>{KEYS}<p data-part="wait">Composing the first pieces…</p></div>
<div class="k-vote k-vote-four" role="group" aria-label="Your pick">
  <p class="k-hint" id="k-hint"></p>
  {_other("none", "N", "None of them")}{_other("skipped", "S", "Skip")}
</div>
<p class="k-status" role="status" aria-live="polite"></p>
{progress(LEGEND)}
""",
        part_of="compare",
    )
