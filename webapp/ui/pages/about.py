"""What Kallos is, what becomes of picks, and under which terms its music and its code may be used."""

from __future__ import annotations

import gradio as gr

from models.experiments.report import read_evaluations
from models.style.bundle import WEIGHTS
from webapp.runtime.commands import VERSION, commit
from webapp.ui.layout import heading, page

PATH = "/about"
LEAD = "Music that learns what you find beautiful."
TEXT = """
## What happens here

You hear two short pieces and pick the more beautiful one. Each pick trains a small model of your own taste at once.
Soon, pieces are composed for you and played among the others, unmarked, so that you can judge them fairly.

A model composes every piece that you compare. It learned from dance tunes, Bach's chorales and pop piano, and it keeps
*what* is played apart from *how* it is played. That is why you can ask for the same piece, only darker.

{figures}## Your privacy

- **Nobody is identified.** You are a random number in a cookie. There is no name, no address, no account, no tracking.
- **What is kept:** the pieces that you were offered, what you heard of them and for how long, your picks, what was
  learned from them, and what you made or brought in the Studio.
- **Where:** on the server that runs this page. Nothing is sent elsewhere, and no page loads anything from another host.
- **Who sees it:** the people who run this server see picks, without names. Nobody else does, unless you share a card of
  your taste or agree to music for two.
- **Your choice:** with the menu at the top right you download all of it, continue on another device, or delete it.
  *Your taste* lets you go back to any earlier pick.

## Terms

- The code is free software under the MIT licence.
- The model's weights have terms of their own, which name the music that they learned from.
- The tunes on the maps come from published collections. Each one names its terms.

"""
FIGURES = """## How well it works

Only simulated listeners have been tested so far, who know what they like: {listeners} of them, with {domain}. After 60
picks, a piece composed for one of them was preferred to a piece composed for nobody in {gift} of 100 pairs, and to a
piece composed for the average listener in {average} of 100. A classifier that compares composed pieces with real music
was right in {told_gift} of 100 cases where they were composed for somebody, and in {told_draw} of 100 where they were
composed for nobody; chance is {chance}. Nobody has judged by ear.

"""
RESULT = WEIGHTS / "style-cpu"
VERSION_LINE = "Version {version}{commit}. [Use it from Python](endpoints) · [HTTP interface](api/docs)"


def recorded_figures() -> str:
    """How well it works, from the recorded evaluation; empty where there is no such record."""
    try:
        found = read_evaluations(RESULT)["evaluate.for_me"]
        gift = found.metrics["for_me.60_vs_prior"]
        return FIGURES.format(
            listeners=gift.n,
            domain=found.data["domain"],
            gift=_of_100(gift.value),
            average=_of_100(found.metrics["for_me.60_vs_average"].value),
            told_gift=_of_100(found.metrics["for_me.gift.two_sample"].value),
            told_draw=_of_100(found.metrics["for_me.draw.two_sample"].value),
            chance=_of_100(gift.chance),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _of_100(share: float | None) -> int:
    if share is None:
        raise ValueError("this figure was not measured")
    return round(100 * share)


def build() -> None:
    """The page at ``/about``."""
    made = f", commit {known[:12]}" if (known := commit()) else ""
    with page("about"):
        with gr.Row(elem_classes="k-ask"):
            heading("About Kallos", LEAD)
        text = TEXT.format(figures=recorded_figures())
        gr.Markdown(text + VERSION_LINE.format(version=VERSION, commit=made), elem_classes="k-prose")
