"""The page of what fits better: one piece and two pictures, or one picture and two pieces; and what was learned."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from webapp.context import Context
from webapp.fit import learned
from webapp.fit.learned import FEWEST, Overview, SaidLink
from webapp.ui import dashboards
from webapp.ui.components.fit_player import FitPlayer
from webapp.ui.components.volume import Volume
from webapp.ui.dashboards import section
from webapp.ui.handlers import bound, claim_of
from webapp.ui.layout import CHOICE, QUIET, heading, page
from webapp.ui.words import capital, counted, percent

LEAD = (
    "One piece and two pictures, or one picture and two pieces. Your picks teach how pictures sound to you, and "
    "nothing of your taste. The pictures are public-domain drawings."
)
MEANING = (
    "Each line says how often in ten it should be right. What most people hear stands apart until your own picks tell "
    f"something of it. After {FEWEST} picks a <a href='film'>film</a> can be set to music in your own way."
)
NOTHING = "Nothing yet: pick a few."


def build(context: Context) -> None:
    """The page at ``/fit``."""
    with page("fit") as listener:
        with gr.Row(elem_classes="k-ask"):
            heading("Which fits better?", LEAD)
        with gr.Row(elem_classes="k-note-row"):
            Volume()
        player = FitPlayer()
        with section("How pictures sound to you", MEANING):
            said = gr.HTML(elem_id="fit-said", **dashboards.STILL)
    listener.change(bound(overview, context), listener, said, **QUIET)
    player.vote(bound(overview, context), listener, said, **CHOICE)


def overview(context: Context, token: str | None) -> str:
    """What was learned so far, as markup."""
    claim = claim_of(context, token)
    return told(learned.overview(context.database, claim.listener_id, new=claim.new))


def told(found: Overview) -> str:
    """What picks tell, what most people hear, and how many of the picks were foreseen."""
    parts = [_foreseen(found)]
    parts.append(_list("Your picks tell", found.own) if found.own else f"<p>{NOTHING}</p>")
    if found.guessed:
        parts.append(_list("Most people hear, and your picks hardly tell yet", found.guessed))
    return f'<div class="kallos k-fit-said" role="status" aria-live="polite">{"".join(parts)}</div>'


def _foreseen(found: Overview) -> str:
    share: Any = found.foreseen
    if not share.n:
        return ""
    return (
        f"<p>Foreseen: {share.value * share.n:.0f} of {counted(share.n, 'pick')}, "
        f"{percent(share.value)} (95\u00a0%: {percent(share.low)} to {percent(share.high)}; by chance 50\u00a0%).</p>"
    )


def _list(title: str, links: list[SaidLink]) -> str:
    rows = "".join(
        f"<li>{_together(html.escape(capital(each.words)))}{' – unlike most people' if each.unlike_most else ''}</li>"
        for each in links
    )
    return f"<h3>{title}</h3><ul>{rows}</ul>"


def _together(words: str) -> str:
    """Odds in brackets on one line."""
    said, bracket, odds = words.partition("(")
    return said + bracket + odds.replace(" ", "\u00a0")
