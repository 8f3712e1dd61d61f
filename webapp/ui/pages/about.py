"""What Kallos is, what becomes of picks, and under which terms its music and its code may be used."""

from __future__ import annotations

import gradio as gr

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

## How well it works

Only simulated listeners have been asked so far, who know what they like: 40 for each kind of music. Against the pieces
that everybody hears, a piece composed for one of them was preferred in 77 of 100 pairs of pop, 74 of dance tunes and 64
of chorales. A new piece composed for nobody was preferred in 51, 47 and 50. A computer that compares them with real
music told 67, 85 and 99 of 100 pieces rightly that were composed for somebody, and 49, 70 and 92 of those for nobody;
chance is 50. Nobody has judged by ear.

## Your privacy

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
VERSION_LINE = "Version {version}{commit}. [Use it from Python](endpoints) · [HTTP interface](api/docs)"


def build() -> None:
    """The page at ``/about``."""
    made = f", commit {known[:12]}" if (known := commit()) else ""
    with page("about"):
        with gr.Row(elem_classes="k-ask"):
            heading("About Kallos", LEAD)
        gr.Markdown(TEXT + VERSION_LINE.format(version=VERSION, commit=made), elem_classes="k-prose")
